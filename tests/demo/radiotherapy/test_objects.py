"""A made case becomes a complete set of objects that belong together, in any orientation, always the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from demo.radiotherapy.faults.noticing import noticed
from demo.radiotherapy.objects import (
    Kind,
    Making,
    contoured_values_of,
    objects_of,
    patient_of,
    speed_case,
    uid,
    values_of,
    write_case,
    written,
)
from demo.radiotherapy.phantoms import PHANTOMS
from small_cases import LIMITS, MAKING, PUBLISHED_CASES, ROTATIONS, case_of, objects_named, turned_case

from tianfu.standards.dicom.cases import Case, read_case

ON_ANY_GRID = [(name, orientation) for name in PHANTOMS for orientation in ROTATIONS]


def read(contents: tuple[bytes, ...]) -> Case:
    return read_case(contents, bytes_max=LIMITS.bytes_max, voxels_max=LIMITS.voxels_max).value


@pytest.mark.parametrize("name", PHANTOMS)
def test_nothing_is_found_in_a_phantom(name: str) -> None:
    assert noticed(objects_named(name), LIMITS) == frozenset()


@pytest.mark.parametrize(("name", "orientation"), ON_ANY_GRID)
def test_nothing_is_found_in_a_turned_phantom(name: str, orientation: str) -> None:
    assert noticed(objects_of(turned_case(name, orientation), MAKING), LIMITS) == frozenset()


@pytest.mark.slow  # published cases have 128 slices
@pytest.mark.parametrize("name", PUBLISHED_CASES)
def test_nothing_is_found_in_a_published_case(name: str) -> None:
    assert noticed(objects_named(name), LIMITS) == frozenset()


@pytest.mark.slow  # published cases have 128 slices
@pytest.mark.parametrize("name", PUBLISHED_CASES[:2])
def test_nothing_is_found_in_a_turned_published_case(name: str) -> None:
    assert noticed(objects_of(turned_case(name, "oblique"), MAKING), LIMITS) == frozenset()


@pytest.mark.parametrize("orientation", ROTATIONS)
def test_what_is_read_is_what_was_made(orientation: str) -> None:
    case = turned_case("ring", orientation)
    made, back = values_of(case, MAKING), read(objects_of(case, MAKING).contents())
    assert back.images[0].instances == made.images[0].instances
    assert back.images[0].volume.grid.is_same(case.ct.grid, within_mm=1e-3)
    assert np.array_equal(back.images[0].volume.values, case.ct.values)
    assert back.plans == made.plans
    assert back.treatments == made.treatments
    assert case.dose is not None
    assert back.doses[0].volume.grid.is_same(case.dose.grid, within_mm=1e-3)
    assert np.abs(back.doses[0].volume.values - case.dose.values).max() < 1e-5
    rings = zip(
        (ring for one in made.structure_sets[0].structures for ring in one.rings),
        (ring for one in back.structure_sets[0].structures for ring in one.rings),
        strict=True,
    )
    assert all(one.image == two.image and np.abs(one.points - two.points).max() < 1e-4 for one, two in rings)


def test_images_and_contours_alone_are_those_of_all_objects() -> None:
    alone, whole = contoured_values_of(case_of("coarse ring"), MAKING), objects_named("coarse ring")
    assert (alone.plans, alone.doses, alone.treatments) == ((), (), ())
    files = written(alone)
    assert all(files.of(kind) == whole.of(kind) != () for kind in (Kind.CT, Kind.STRUCTURES))


def test_every_ring_says_on_which_slice_it_was_drawn() -> None:
    rings = [ring for one in values_of(case_of("cone"), MAKING).structure_sets[0].structures for ring in one.rings]
    assert all(ring.image for ring in rings)


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert objects_of(case_of("coarse ring"), MAKING) == objects_named("coarse ring")


def test_another_seed_gives_another_patient_and_other_uids() -> None:
    other = Making(seed=12)
    assert patient_of(other) != patient_of(MAKING)
    assert uid(other, "study") != uid(MAKING, "study")


def test_uids_are_of_uuids_and_short_enough() -> None:
    made = uid(MAKING, "slice", 149)
    assert made.startswith("2.25.")
    assert len(made) <= 44


def test_patients_are_clearly_made_up() -> None:
    patient = patient_of(MAKING)
    assert patient.name.startswith("示例^演示")
    assert patient.number.startswith("DEMO-")


def test_files_are_named_by_their_kind(tmp_path: Path) -> None:
    files = write_case(objects_named("coarse ring"), tmp_path / "case")
    names = {file.name for file in files}
    assert {"RS0001.dcm", "RP0001.dcm", "RD0001.dcm", "RT0001.dcm", "CT0001.dcm"} <= names
    assert tuple(file.read_bytes() for file in files) == objects_named("coarse ring").contents()


@pytest.mark.slow  # 85 MB are written
def test_the_speed_case_is_a_planning_ct_with_its_objects() -> None:
    objects = speed_case(seed=1)
    assert len(objects.of(Kind.CT)) == 150
    assert sum(map(len, objects.contents())) > 78_000_000
    assert all(objects.of(kind) for kind in (Kind.STRUCTURES, Kind.PLAN, Kind.DOSE))
