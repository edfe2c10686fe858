"""The dose of segments is that of their apertures, each for its monitor units."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.apps.radiotherapy.model.transport.test_apertures import ACROSS, LEAVES, opened
from tests.apps.radiotherapy.model.transport.water import CELL_MM, SETTINGS, WATER, a_beam, a_field
from tianfu.apps.radiotherapy.model.machines.collimators import Jaws
from tianfu.apps.radiotherapy.model.optimisation.apertures import FieldSegments, Segment
from tianfu.apps.radiotherapy.model.optimisation.delivered import Collimated, delivered, field_fluence
from tianfu.apps.radiotherapy.model.transport.apertures import JawPair, dose_of_aperture, fluence_of
from tianfu.standards.dicom.grids import Floats

JAWS = tuple(
    Jaws(moves_along=axis, least_mm=-200.0, most_mm=200.0, gap_mm=0.0, transmission=0.005) for axis in ("x", "y")
)
MACHINE = Collimated(beam=a_beam(), jaws=JAWS, leaves=LEAVES)
FIELDS = (a_field(), a_field(gantry=90.0, number=2))
SPAN = (-20.0, 20.0)


def segment(left: float, right: float, *, mu: float) -> Segment:
    aperture = opened(left, right, -20.0, 20.0)
    return Segment(first_mm=aperture.first_mm, second_mm=aperture.second_mm, mu=mu)


def part(*segments: Segment, field: int = 0) -> FieldSegments:
    return FieldSegments(field=field, jaws_x_mm=SPAN, jaws_y_mm=SPAN, segments=segments)


def dose(*parts: FieldSegments) -> Floats:
    return np.asarray(delivered(parts, FIELDS, MACHINE, WATER, ACROSS, SETTINGS), np.float64)


def test_one_segment_gives_what_its_aperture_gives_for_its_units() -> None:
    jaws = JawPair(first_mm=-20.0, second_mm=20.0, transmission=0.005)
    aperture = replace(opened(-15.0, 10.0, -20.0, 20.0, leaves=LEAVES), jaws_x=jaws, jaws_y=jaws)
    fluence = fluence_of(aperture, cell_mm=CELL_MM, half_mm=30.0)
    alone = dose_of_aperture(WATER, MACHINE.beam, FIELDS[0], fluence, ACROSS, SETTINGS)
    assert dose(part(segment(-15.0, 10.0, mu=7.0))) == pytest.approx(7.0 * alone, rel=1e-5)


def test_segments_and_fields_add_up() -> None:
    first, second = segment(-15.0, 0.0, mu=3.0), segment(0.0, 12.0, mu=5.0)
    together = dose(part(first, second), part(second, field=1))
    apart = dose(part(first)) + dose(part(second)) + dose(part(second, field=1))
    assert together == pytest.approx(apart, rel=1e-4)


def test_no_segment_gives_nothing() -> None:
    assert not dose().any()


def test_a_closed_segment_lets_the_leaves_part_through_within_the_jaws() -> None:
    """1.5 % of an area of 40 x 40 mm, and 1.5 % of 0.5 % of what the jaws cover to each side."""
    closed = field_fluence(part(segment(0.0, 0.0, mu=2.0)), MACHINE)
    side = 40.0 + 0.005 * (2 * closed.half_mm + CELL_MM - 40.0)
    assert closed.values.sum() * CELL_MM**2 == pytest.approx(2.0 * 0.015 * side**2, rel=1e-9)


def test_a_machine_without_a_pair_of_jaws_covers_nothing_with_it() -> None:
    without = replace(MACHINE, jaws=JAWS[1:])
    closed = field_fluence(part(segment(0.0, 0.0, mu=1.0)), without)
    whole = 2 * closed.half_mm + CELL_MM
    assert closed.values.sum() * CELL_MM**2 == pytest.approx(0.015 * whole * (40.0 + 0.005 * (whole - 40.0)), rel=1e-9)
