"""Doses and monitor units that the fields cannot give, each found by its rule and by no other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.apps.radiotherapy.model.checking.plants import (
    NO_RECORDS,
    Planted,
    found,
    given,
    planted,
    sound_checked,
    stands,
    with_dose,
)
from tianfu.apps.radiotherapy.model.checking.fields import ATTENUATION_PER_MM, BUILD_UP_MM
from tianfu.apps.radiotherapy.model.checking.projections import seen_from, toward_source
from tianfu.standards.dicom.doses import Dose


def _upwards(dose: Dose) -> Dose:
    grid = dose.volume.grid
    moved = replace(grid, origin=grid.origin + np.array([0.0, 0.0, 24.0]))
    return replace(dose, volume=replace(dose.volume, grid=moved))


FAULTS = [
    planted(
        "dose-beside-fields",
        with_dose(_upwards),
        also=[
            "dose-differs-from-prescription",
            "dose-middle-beside-target",
            "target-underdosed",
            "dose-grid-beyond-image",
            "dose-grid-near-target",
            "point-dose-differs",
        ],
    ),
    planted("beam-mu-unlike-dose", given(lambda one: replace(one, meterset=one.meterset * 4), 3), NO_RECORDS),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.rule)
def test_a_fault_is_found_by_its_rule_alone(fault: Planted) -> None:
    assert found(fault.plant(sound_checked())) == {fault.rule} | fault.also


@pytest.mark.parametrize("factor", [0.1, 10.0])
def test_a_digit_too_few_or_too_many_is_found_before_anything_is_given(factor: float) -> None:
    mistyped = planted("", given(lambda one: replace(one, meterset=one.meterset * factor), 5), NO_RECORDS)
    assert "beam-mu-unlike-dose" in found(mistyped.plant(sound_checked()))


def test_water_takes_half_of_the_dose_in_a_depth_of_fifteen_centimetres() -> None:
    """Percentage depth dose of 6 MV at 15 cm, 10 cm square, 100 cm from the source: about 50 % (BJR 25). [memory]"""
    flat = np.exp(-ATTENUATION_PER_MM * (150 - BUILD_UP_MM))
    assert flat * ((1000 + BUILD_UP_MM) / 1150) ** 2 == pytest.approx(0.4, abs=0.1)


@pytest.mark.parametrize("couch", [0.0, 30.0, 330.0])
@pytest.mark.parametrize("gantry", [0.0, 70.0, 200.0])
def test_the_way_to_the_source_is_seen_as_the_axis(gantry: float, couch: float) -> None:
    """A point on the line from the isocentre to the source is projected onto the isocentre."""
    checked = stands(1, gantry_degrees=gantry, couch_degrees=couch)(sound_checked())
    beam = checked.beams[0]
    first = beam.control_points[0]
    point = np.array(first.isocentre_mm) + 100 * toward_source(first)
    assert seen_from(beam, first, point[None], "HFS") == pytest.approx(np.zeros((1, 2)), abs=1e-9)
