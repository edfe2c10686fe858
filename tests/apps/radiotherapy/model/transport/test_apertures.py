"""What passes leaves and jaws, cell by cell, and the dose of it against that of beamlets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.apps.radiotherapy.model.transport.water import (
    CELL_MM,
    SETTINGS,
    WATER,
    a_beam,
    a_field,
    along,
    influence_on,
    open_field,
)
from tianfu.apps.radiotherapy.model.machines.collimators import Leaves
from tianfu.apps.radiotherapy.model.transport.apertures import (
    Aperture,
    Fluence,
    JawPair,
    dose_of_aperture,
    fluence_of,
    summed_fluence,
)
from tianfu.apps.radiotherapy.model.transport.products import dose_of
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats

LEAVES = Leaves(
    boundaries_mm=tuple(np.arange(-50.0, 51.0, 5.0).tolist()),
    least_mm=-200.0,
    most_mm=200.0,
    gap_mm=0.0,
    reach_mm=150.0,
    interdigitates=True,
    step_mm=0.1,
    speed_mm_per_s=25.0,
    rounded_end_mm=0.0,
    transmission=0.015,
)
NOTHING_PASSES = replace(LEAVES, transmission=0.0)
ON_AXIS = along(np.column_stack([np.zeros(45), np.arange(-88.0, 92.0, 4.0), np.zeros(45)]))
ACROSS = along(np.column_stack([np.arange(-60.0, 61.0, 2.0), np.zeros(61), np.full(61, 1.0)]))


def opened(left: float, right: float, low: float, high: float, *, leaves: Leaves = NOTHING_PASSES) -> Aperture:
    """A rectangle of leaves without jaws; closed pairs stand at 0."""
    middle = (np.array(leaves.boundaries_mm[:-1]) + np.array(leaves.boundaries_mm[1:])) / 2
    is_open = (middle > low) & (middle < high)
    return Aperture(
        jaws_x=None,
        jaws_y=None,
        leaves=leaves,
        first_mm=np.where(is_open, left, 0.0),
        second_mm=np.where(is_open, right, 0.0),
    )


def seen(aperture: Aperture) -> Fluence:
    return fluence_of(aperture, cell_mm=CELL_MM, half_mm=60.0)


def dose(aperture: Aperture, **field: float) -> Floats:
    return np.asarray(dose_of_aperture(WATER, a_beam(), a_field(**field), seen(aperture), ACROSS, SETTINGS), np.float64)


def test_the_sum_of_fluence_is_the_open_area() -> None:
    """Edges within cells count by their part."""
    fluence = seen(opened(-10.3, 17.1, -15.0, 10.0))
    assert fluence.values.sum() * CELL_MM**2 == pytest.approx(27.4 * 25.0, rel=1e-12)


def test_a_jaw_covers_what_it_covers_of_an_opening_and_lets_its_part_through() -> None:
    aperture = replace(
        opened(-10.0, 20.0, -15.0, 10.0),
        jaws_x=JawPair(first_mm=-4.2, second_mm=40.0, transmission=0.1),
        jaws_y=JawPair(first_mm=-40.0, second_mm=3.3, transmission=0.2),
    )
    along_x = 24.2 + 0.1 * 5.8
    along_y = 18.3 + 0.2 * 6.7
    assert seen(aperture).values.sum() * CELL_MM**2 == pytest.approx(along_x * along_y, rel=1e-12)


def test_rounded_ends_open_a_pair_by_twice_their_offset() -> None:
    rounded = replace(NOTHING_PASSES, rounded_end_mm=0.7)
    fluence = seen(opened(-10.0, 10.0, -5.0, 5.0, leaves=rounded))
    rows = 100.0 / 5.0
    assert fluence.values.sum() * CELL_MM**2 == pytest.approx(20.0 * 10.0 + rows * 5.0 * 1.4, rel=1e-12)


def test_closed_leaves_let_their_transmission_through() -> None:
    values = seen(opened(0.0, 0.0, 0.0, 0.0, leaves=LEAVES)).values
    np.testing.assert_allclose(values, 0.015, rtol=1e-12)


def test_dose_under_closed_leaves_is_the_open_one_times_the_transmission() -> None:
    """The same leaves closed and open, in the same water: 1.5 % wherever one looks."""
    closed, all_open = (
        fluence_of(opened(*x_mm, -50.0, 50.0, leaves=LEAVES), cell_mm=CELL_MM, half_mm=45.0)
        for x_mm in ((0.0, 0.0), (-200.0, 200.0))
    )
    doses = [dose_of_aperture(WATER, a_beam(), a_field(), each, ACROSS, SETTINGS) for each in (closed, all_open)]
    np.testing.assert_allclose(doses[0], 0.015 * doses[1], rtol=1e-4)


def test_an_open_field_s_beamlets_sum_up_to_its_aperture() -> None:
    """Within half a percent of the most, on the axis and across the edges: leaves cut cells, beamlets do not."""
    cut_off = replace(SETTINGS, lateral_cut_off_mm=120.0)
    beamlets = open_field(a_field(gantry=30.0), 20.0)
    for wanted in (ON_AXIS, ACROSS):
        ours = dose_of(influence_on(wanted, beamlets, settings=cut_off), np.ones(beamlets.count))
        fluence = seen(opened(-20.0, 20.0, -20.0, 20.0))
        theirs = dose_of_aperture(WATER, a_beam(), a_field(gantry=30.0), fluence, wanted, SETTINGS)
        np.testing.assert_allclose(ours, theirs, atol=0.005 * theirs.max())


def test_two_halves_of_an_opening_are_the_whole() -> None:
    whole = dose(opened(-20.0, 15.0, -20.0, 20.0))
    halves = dose(opened(-20.0, 2.3, -20.0, 20.0)) + dose(opened(2.3, 15.0, -20.0, 20.0))
    np.testing.assert_allclose(halves, whole, atol=1e-5 * whole.max())


def test_segments_together_are_the_sum_of_each_with_its_weight() -> None:
    one, other = opened(-20, 5, -20, 20, leaves=LEAVES), opened(-5, 20, -10, 10, leaves=LEAVES)
    found = summed_fluence((one, other), (2.0, 3.0), cell_mm=CELL_MM, half_mm=60.0)
    assert found.values == pytest.approx(2.0 * seen(one).values + 3.0 * seen(other).values, abs=1e-12)


def test_a_smaller_opening_gives_less_everywhere() -> None:
    assert (dose(opened(-10.0, 10.0, -20.0, 20.0)) < dose(opened(-20.0, 20.0, -20.0, 20.0))).all()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"first_mm": np.zeros(3)}, "aperture-not-for-leaves"),
        ({"first_mm": np.full(20, 1.0)}, "aperture-leaves-overlap"),
    ],
)
def test_an_aperture_that_is_none_is_refused(change: dict[str, Floats], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        seen(replace(opened(0.0, 0.0, 0.0, 0.0), **change))
    assert refused.value.code == code


def test_fluence_on_cells_that_are_not_the_kernels_is_refused() -> None:
    """The kernels' middle cell holds what goes straight on: on other cells dose would be wrong by their area."""
    coarse = fluence_of(opened(-20.0, 20.0, -20.0, 20.0), cell_mm=1.0, half_mm=60.0)
    with pytest.raises(Refusal) as refused:
        dose_of_aperture(WATER, a_beam(), a_field(), coarse, ACROSS, SETTINGS)
    assert refused.value.code == "fluence-other-cells"
