"""Faults of segments, each found by its rule and by no other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.apps.radiotherapy.model.checking.plants import (
    NO_RECORDS,
    Planted,
    beam,
    found,
    given,
    jaws,
    leaves,
    limits,
    no_machine,
    opening,
    planted,
    shifted,
    sound_checked,
    stands,
    with_beams,
)
from tianfu.apps.radiotherapy.model.checking.apertures import shots_of
from tianfu.standards.dicom.beams import Beam
from tianfu.standards.dicom.control_points import LEAVES
from tianfu.standards.dicom.grids import Floats

SECOND = slice(2, 4)
"""Both control points of a beam's second segment."""


def _without_jaws(one: Beam) -> Beam:
    return replace(
        one,
        devices=tuple(device for device in one.devices if device.kind in LEAVES),
        control_points=tuple(
            replace(
                point,
                stand=replace(
                    point.stand, openings=tuple(each for each in point.stand.openings if each.device in LEAVES)
                ),
            )
            for point in one.control_points
        ),
    )


def _without_leaves(one: Beam) -> Beam:
    """The device is there and stands nowhere."""
    points = (
        replace(
            point,
            stand=replace(point.stand, openings=tuple(o for o in point.stand.openings if o.device not in LEAVES)),
        )
        for point in one.control_points
    )
    return replace(one, control_points=tuple(points))


def _sliding(one: Beam) -> Beam:
    """Dose is given evenly from the first control point to the last, while leaves move."""
    weights = np.linspace(0, 1, len(one.control_points))
    moving = (replace(point, weight=float(w)) for point, w in zip(one.control_points, weights, strict=True))
    return replace(one, control_points=tuple(moving))


def _wider(positions: Floats) -> Floats:
    """Open pairs opened 65 mm farther to one side."""
    first, second = np.split(positions, 2)
    return np.concatenate([first, np.where(second > first, second + 65, second)])


def _upper_half(positions: Floats) -> Floats:
    """The lower thirty pairs closed."""
    first, second = np.split(positions, 2)
    return np.concatenate([first, np.where(np.arange(60) < 30, first, second)])


def _passed(positions: Floats) -> Floats:
    """The first bank of one pair stands beyond its neighbour's second one."""
    moved = positions.copy()
    moved[[5, 65]] = 30.0, 40.0
    return moved


def _all_in_first(one: Beam) -> Beam:
    """What all segments give is given through the first of them."""
    points = (replace(point, weight=min(number, 1) * 1.0) for number, point in enumerate(one.control_points))
    return replace(one, final_weight=1.0, control_points=tuple(points))


def _of_shapes(one: Beam, *, shapes: int, closed: int) -> Beam:
    """So many shapes, each a hair wider than the last, with the lower pairs of all of them closed."""
    wanted = [one.control_points[0]] * shapes
    points = []
    for number, point in enumerate(wanted):
        openings = tuple(
            replace(each, positions_mm=_lower_closed(each.positions_mm, closed, number / 10))
            if each.device == "MLCX"
            else each
            for each in point.stand.openings
        )
        points.append(replace(point, weight=number / (shapes - 1), stand=replace(point.stand, openings=openings)))
    return replace(one, control_points=tuple(points))


def _lower_closed(positions_mm: tuple[float, ...], pairs: int, wider_mm: float) -> tuple[float, ...]:
    first, second = np.split(np.array(positions_mm), 2)
    second = np.where(np.arange(60) < pairs, first, np.where(second > first, second + wider_mm, second))
    return (*first.tolist(), *second.tolist())


UPPER_JAWS = opening("ASYMY", lambda one: np.array([0.0, one[1]]))

FAULTS = [
    planted("leaf-beyond-machine", leaves(most_mm=10.0)),
    planted("leaf-positions-missing", with_beams(_without_leaves, 1)),
    planted("final-weight-differs", beam(final_weight=1.2)),
    planted("leaf-pairs-differ-from-machine", leaves(boundaries_mm=tuple(np.linspace(-200, 200, 81)))),
    planted("leaf-gap-small", leaves(gap_mm=50.0)),
    planted("leaves-interdigitate", leaves(interdigitates=False), opening("MLCX", _passed), NO_RECORDS),
    planted("leaf-reach-exceeded", leaves(reach_mm=5.0)),
    planted("leaf-step-fine", leaves(step_mm=0.7)),
    planted("jaw-beyond-machine", jaws(most_mm=5.0)),
    planted("jaw-gap-small", jaws(gap_mm=300.0)),
    planted("jaws-missing", with_beams(_without_jaws, 1)),
    planted(
        "jaws-beyond-leaves",
        opening("ASYMY", lambda _: np.array([-20.0, 250.0])),
        no_machine,
        also=["jaws-far-from-leaves"],
    ),
    planted("jaws-far-from-leaves", opening("ASYMX", lambda one: one + np.array([-40.0, 40.0]))),
    planted("jaws-cover-opening", UPPER_JAWS, also=["aperture-misses-target"]),
    planted(
        "segment-without-opening",
        opening("ASYMX", lambda _: np.array([100.0, 110.0]), places=SECOND),
        also=["jaws-cover-opening"],
    ),
    planted(
        "segment-small",
        opening("ASYMX", lambda _: np.array([0.0, 1.0]), places=SECOND),
        no_machine,
        also=["jaws-cover-opening"],
    ),
    planted("segment-without-units", with_beams(_all_in_first, 1), NO_RECORDS),
    planted("segment-mu-small", limits(segment_mu_least=50.0)),
    planted("segments-many", limits(segments_most=2)),
    planted("beam-kind-differs", beam(kind="STATIC")),
    planted("leaf-too-fast", with_beams(_sliding, 1), leaves(speed_mm_per_s=0.1)),
    planted(
        "gantry-too-fast",
        stands(gantry_direction="CW"),
        stands(places=slice(7, 8), gantry_degrees=1.0),
        limits(gantry_degrees_per_s=0.001),
    ),
    planted("aperture-misses-target", opening("MLCX", _upper_half), UPPER_JAWS, NO_RECORDS),
    planted(
        "fields-beside-target",
        shifted(by_mm=(0, 0, 16)),
        also=["dose-beside-fields"],
    ),
    planted(
        "aperture-beside-target",
        opening("MLCX", _wider),
        opening("ASYMX", lambda one: np.array([one[0], one[1] + 65])),
        NO_RECORDS,
    ),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.rule)
def test_a_fault_is_found_by_its_rule_alone(fault: Planted) -> None:
    assert found(fault.plant(sound_checked())) == {fault.rule} | fault.also


def _weighed(one: Beam) -> Beam:
    """Weights are monitor units as they are written; the second of four segments has two of them."""
    sums = (0.0, 62.02, 62.02, 64.02, 64.02, 74.02, 74.02, 84.02)
    points = tuple(replace(point, weight=weight) for point, weight in zip(one.control_points, sums, strict=True))
    return replace(one, control_points=points, final_weight=sums[-1])


@pytest.mark.parametrize(("least", "is_told"), [(2.0, False), (2.01, True)])
def test_a_segment_of_just_the_least_units_is_not_told(least: float, *, is_told: bool) -> None:
    """Two decimals are no floats: 64.02 less 62.02 is 1.999999999999993."""
    checked = with_beams(_weighed, 1)(given(lambda one: replace(one, meterset=84.02), 1)(sound_checked()))
    smallest = min(shot.mu for shot in shots_of(checked.beams[0], mu=84.02))
    assert smallest < 2.0
    assert ("segment-mu-small" in found(limits(segment_mu_least=least)(checked))) == is_told


@pytest.mark.parametrize(
    ("shapes", "closed", "misses"),
    [(3, 30, True), (6, 30, False), (6, 60, True)],
    ids=["few-shapes-see-half", "many-shapes-see-half", "many-shapes-see-nothing"],
)
def test_a_modulated_beam_may_spare_half_of_the_target(shapes: int, closed: int, *, misses: bool) -> None:
    plant = with_beams(lambda one: _of_shapes(one, shapes=shapes, closed=closed), 1)
    assert ("aperture-misses-target" in found(plant(sound_checked()))) == misses
