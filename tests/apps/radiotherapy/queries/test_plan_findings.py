"""What is odd about a case and a wish: a point beside every target, and tissue denser than a table tells apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.radiotherapy_plan import TABLE, clinic_table, phantom_table, small_case, small_wish
from tianfu.apps.radiotherapy.queries.planning import plan_base_of
from tianfu.standards.dicom.cases import Case


def told(case: Case, **changes: object) -> dict[str, dict[str, str]]:
    """What of a case and the small template with other parts is odd."""
    return {each.code: dict(each.details) for each in plan_base_of(case, small_wish(**changes), phantom_table()).told}


def with_hounsfield(hounsfield: float, *, at: tuple[int, int, int]) -> Case:
    """The small case with a voxel of so many Hounsfield units."""
    (images,) = small_case().images
    values = images.volume.values.copy()
    values[at] = hounsfield
    return replace(small_case(), images=(replace(images, volume=replace(images.volume, values=values)),))


@pytest.mark.parametrize("isocentre", ["target-middle", [0.0, 0.0, 0.0], [20.0, 20.0, 17.0]])
def test_nothing_is_odd_about_an_isocentre_in_the_box_around_the_target(isocentre: object) -> None:
    assert told(small_case(), isocentre=isocentre) == {}


def test_an_isocentre_beside_every_target_is_told_with_how_far_it_is() -> None:
    # the target is a ball of 22 mm around the origin: a point 62 mm to the side is 40 mm from its box, and the
    # outermost points of a drawn circle are nearer than 0.5 mm to that
    found = told(small_case(), isocentre=[62.0, 0.0, 0.0])["plan-isocentre-outside-targets"]
    assert (found["x"], found["y"], found["z"]) == ("62", "0", "0")
    assert float(found["away_mm"]) == pytest.approx(40.0, abs=0.5)


def test_one_target_around_the_isocentre_is_enough() -> None:
    both = ["PTV_5000", "SpinalCord"]
    assert told(small_case(), targets=both, isocentre=[0.0, 36.0, 0.0]) == {}
    assert set(told(small_case(), targets=both, isocentre=[0.0, 80.0, 0.0])) == {"plan-isocentre-outside-targets"}


def test_the_table_tells_densities_apart_up_to_where_it_last_rises() -> None:
    assert phantom_table().hounsfield_most == 2048.0


def test_voxels_of_the_body_beyond_the_table_are_told_and_those_beside_it_are_not() -> None:
    middle, corner = (8, 14, 14), (8, 0, 0)
    found = told(with_hounsfield(3000.0, at=middle))["plan-beyond-density-table"]
    assert found == {"table": "TG-119 phantom", "most": "2048", "highest": "3000", "count": "1"}
    assert told(with_hounsfield(2048.0, at=middle)) == {}
    assert told(with_hounsfield(3000.0, at=corner)) == {}


def test_the_small_case_has_nothing_beyond_the_table() -> None:
    (images,) = small_case().images
    assert np.max(images.volume.values) < phantom_table().hounsfield_most


def test_what_is_odd_about_the_table_is_told_of_every_plan_by_it() -> None:
    pairs = [{**pair, "mark": "memory"} for pair in TABLE["pairs"]]
    table = clinic_table(pairs=pairs)
    wish = small_wish(computation__density_table={"name": table.name, "version": 1})
    assert [each.code for each in plan_base_of(small_case(), wish, table).told] == ["density-table-not-measured"]
    assert plan_base_of(small_case(), wish, clinic_table()).told == ()
