"""Structures that are not what the image shows, each found by its rule and by no other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.apps.radiotherapy.model.checking.plants import (
    PAROTID_L,
    PAROTID_R,
    Plant,
    Planted,
    ball,
    found,
    more,
    planted,
    sound_checked,
    structure,
    structure_set,
    voxels,
    with_structures,
)
from tianfu.apps.radiotherapy.model.checking.edges import edge_of, outline_of, steps_over
from tianfu.standards.dicom.structure_sets import PhysicalProperty
from tianfu.standards.dicom.structures import Structure

BODY, BONE = 1, ball("Bone", "ORGAN", 9, (0, -32, 0))
ORGAN_HU = 25
"""What the phantom's organs are above water."""


def _moved(number: int, x_mm: float, y_mm: float) -> Plant:
    by_mm = np.array([x_mm, y_mm, 0.0])
    return structure(
        number,
        lambda one: replace(one, rings=tuple(replace(ring, points=ring.points + by_mm) for ring in one.rings)),
    )


def _narrow(one: Structure) -> Structure:
    return replace(
        one, rings=tuple(replace(ring, points=ring.points * np.array([0.9, 0.9, 1.0])) for ring in one.rings)
    )


def _with_a_speck(all_: tuple[Structure, ...]) -> tuple[Structure, ...]:
    """Three millimetres of the control structure's name far from it."""
    speck = ball("Extra", "CONTROL", 3.5, (0, -36, 1.5))
    return (*all_, replace(speck, rings=(*ball("Extra", "CONTROL", 16).rings, *speck.rings)))


DENSE = structure_set(properties=(PhysicalProperty(structure=PAROTID_L, name="REL_ELEC_DENSITY", value=10.0),))

FAULTS = [
    planted("body-differs-from-image", structure(BODY, _narrow)),
    planted("outline-fits-elsewhere", _moved(PAROTID_R, -9.0, 6.0)),
    planted("structure-goes-on-in-image", structure(PAROTID_L, lambda one: replace(one, rings=one.rings[:-2]))),
    planted("structure-in-crumbs", with_structures(_with_a_speck)),
    planted("structure-unlike-its-name", more(BONE)),
    planted("density-unlike-image", DENSE, also=["density-overridden"]),
]

LESSER = [
    planted("structure-goes-on-in-image", structure(PAROTID_L, lambda one: replace(one, rings=one.rings[:-1]))),
]
"""Faults that are found though there is less of them."""


@pytest.mark.parametrize("fault", [*FAULTS, *LESSER], ids=lambda fault: fault.rule)
def test_a_fault_is_found_by_its_rule_alone(fault: Planted) -> None:
    assert found(fault.plant(sound_checked())) == {fault.rule} | fault.also


def test_over_the_outline_of_an_organ_the_image_steps_by_what_the_organ_is_above_water() -> None:
    checked = sound_checked()
    (organ,) = [one for one in checked.drawn if one.number == PAROTID_L]
    edge = edge_of(steps_over(checked, outline_of(checked, organ)))
    assert edge.step_hu == pytest.approx(ORGAN_HU, abs=3)


@settings(max_examples=8, deadline=None)
@given(turn=st.floats(0, 2 * np.pi), away_mm=st.floats(8, 18))
def test_an_organ_shifted_any_way_is_seen(turn: float, away_mm: float) -> None:
    """The phantom's pixels are three millimetres wide; finer ones let smaller shifts be seen."""
    moved = _moved(PAROTID_L, away_mm * np.cos(turn), away_mm * np.sin(turn))
    assert "outline-fits-elsewhere" in found(moved(sound_checked()))


def test_a_structure_without_an_edge_is_nowhere_told_to_fit_better() -> None:
    margin = ball("PTV_4000", "PTV", 9, (0, 24, 0))
    assert "outline-fits-elsewhere" not in found(more(margin)(sound_checked()))


def test_a_couch_behind_the_patient_is_no_fault_of_the_body() -> None:
    def couch(values: Any, _: object) -> None:
        values[:, 39:41, 8:36] = np.maximum(values[:, 39:41, 8:36], 0)

    assert found(voxels(couch)(sound_checked())) == set()


def test_a_density_near_that_of_the_image_is_only_noticed() -> None:
    near = structure_set(properties=(PhysicalProperty(structure=PAROTID_L, name="REL_ELEC_DENSITY", value=1.1),))
    assert found(near(sound_checked())) == {"density-overridden"}
