"""Segments can be given by the machine, and together give the stratified fluence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.apps.radiotherapy.model.optimisation.influences import square_beamlets
from tests.apps.radiotherapy.model.optimisation.leaf_rules import LIMITS, all_faults_of, leaves_of
from tianfu.apps.radiotherapy.model.machines.collimators import Leaves, Limits
from tianfu.apps.radiotherapy.model.optimisation.apertures import Delivery, fluence_of
from tianfu.apps.radiotherapy.model.optimisation.sequencing import leaf_map, on_leaves, sequenced, stratified
from tianfu.kernel.refusal import Refusal

BEAMLETS = square_beamlets(fields=3, rows=6, columns=8)


def tight(*, interdigitates: bool, width_mm: float, reach_mm: float) -> Leaves:
    """Leaves that let nothing through, so that sums are exact."""
    leaves = leaves_of(interdigitates=interdigitates, width_mm=width_mm, reach_mm=reach_mm)
    return replace(leaves, transmission=0.0)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    levels=st.integers(1, 12),
    interdigitates=st.booleans(),
    reach_mm=st.sampled_from([15.0, 30.0, 150.0]),
    width_mm=st.sampled_from([5.0, 10.0]),
)
def test_segments_are_deliverable_and_give_the_levels_exactly(
    seed: int, levels: int, interdigitates: bool, reach_mm: float, width_mm: float
) -> None:
    lots = np.random.default_rng(seed)
    weights = np.maximum(lots.uniform(-20, 60, BEAMLETS.count), 0)
    beamlets = replace(BEAMLETS, at_mm=BEAMLETS.at_mm + np.array([0.0, 15.0]))
    leaves = tight(interdigitates=interdigitates, width_mm=width_mm, reach_mm=reach_mm)
    parts = sequenced(beamlets, weights, Delivery(leaves=leaves, limits=LIMITS), levels=levels)
    assert all_faults_of(parts, leaves, LIMITS) == []
    expected = np.zeros(beamlets.count)
    for field in range(3):
        place = leaf_map(beamlets, field, leaves)
        chosen = stratified(on_leaves(place, weights), levels=levels, limits=LIMITS)
        assert chosen.numbers.max() <= levels
        expected[place.numbers] = chosen.unit_mu * chosen.numbers[place.rows, place.columns]
    assert fluence_of(parts, beamlets, leaves) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("rounded_end_mm", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("step_mm", [0.1, 0.2, 1.0])
def test_parked_pairs_stand_on_steps_within_the_reach_of_open_ones(step_mm: float, rounded_end_mm: float) -> None:
    """Beamlets of 2.5 mm lie on no step of a whole millimetre or of 0.2: both banks are rounded."""
    fine = replace(BEAMLETS, size_mm=2.5, at_mm=BEAMLETS.at_mm / 2)
    leaves = replace(leaves_of(width_mm=2.5, reach_mm=22.2), step_mm=step_mm, rounded_end_mm=rounded_end_mm, gap_mm=0.1)
    weights = np.maximum(np.random.default_rng(7).uniform(-20, 60, fine.count), 0)
    parts = sequenced(fine, weights, Delivery(leaves=leaves, limits=LIMITS), levels=5)
    assert all_faults_of(parts, leaves, LIMITS) == []
    places = np.concatenate([[s.first_mm, s.second_mm] for part in parts for s in part.segments])
    np.testing.assert_allclose(places / step_mm, np.rint(places / step_mm), atol=1e-6)


def test_levels_that_fit_lose_nothing() -> None:
    fluence = np.array([[0.0, 4.0, 8.0], [12.0, 20.0, 4.0]])
    chosen = stratified(fluence, levels=5, limits=LIMITS)
    assert chosen.unit_mu == pytest.approx(4.0)
    assert chosen.numbers.tolist() == [[0, 1, 2], [3, 5, 1]]


def test_no_unit_is_less_than_the_least_segment() -> None:
    chosen = stratified(np.array([[3.0, 6.0]]), levels=10, limits=LIMITS)
    assert chosen.unit_mu >= LIMITS.segment_mu_least
    assert (chosen.unit_mu / LIMITS.mu_step) % 1 == pytest.approx(0, abs=1e-9)


def test_rows_within_a_wide_leaf_get_their_mean() -> None:
    beamlets = square_beamlets(fields=1, rows=2, columns=1)
    place = leaf_map(beamlets, 0, leaves_of(width_mm=20, pairs=3))
    assert on_leaves(place, np.array([10.0, 20.0])).tolist() == [[15.0]]


def test_what_leaves_cover_lets_their_transmission_through() -> None:
    """One segment of 100 MU opens 6 of 8 columns in the first row only: within the jaws 1.5 % is let through."""
    beamlets = square_beamlets(fields=1, rows=2, columns=8)
    weights = np.concatenate([np.full(8, 100.0), np.repeat([0.0, 50.0, 0.0], [1, 6, 1])])
    leaves = leaves_of()
    parts = sequenced(beamlets, weights, Delivery(leaves=leaves, limits=LIMITS), levels=2)
    given = fluence_of(parts, beamlets, leaves).reshape(2, 8)
    assert given[0] == pytest.approx(np.full(8, 100.0))
    assert given[1, 1:7] == pytest.approx(np.full(6, 50 + 50 * 0.015))
    assert given[1, [0, 7]] == pytest.approx(np.full(2, 100 * 0.015))


def test_closed_pairs_meet_under_a_jaw() -> None:
    weights = np.zeros(BEAMLETS.count)
    weights[9:12] = 50
    (part,) = sequenced(BEAMLETS, weights, Delivery(leaves=leaves_of(), limits=LIMITS), levels=1)
    (segment,) = part.segments
    closed = segment.first_mm == segment.second_mm
    assert closed.sum() == 19
    assert np.all(segment.first_mm[closed] < part.jaws_x_mm[0])
    assert part.jaws_x_mm == (-15.0, 0.0)
    assert part.jaws_y_mm == (-10.0, -5.0)
    # tips stand back by what passes their rounded ends
    assert segment.first_mm[~closed] == pytest.approx(-15 + 0.8)
    assert segment.second_mm[~closed] == pytest.approx(0 - 0.8)


def test_fields_without_weight_get_no_segments() -> None:
    weights = np.zeros(BEAMLETS.count)
    weights[50] = 30
    parts = sequenced(BEAMLETS, weights, Delivery(leaves=leaves_of(), limits=LIMITS), levels=3)
    assert [part.field for part in parts] == [1]


@pytest.mark.parametrize(
    ("code", "leaves", "limits", "levels"),
    [
        ("beamlets-across-leaves", leaves_of(width_mm=7.5), LIMITS, 5),
        ("beamlets-beyond-leaves", leaves_of(pairs=4), LIMITS, 5),
        ("beamlets-beyond-leaves", replace(leaves_of(), least_mm=-10.0), LIMITS, 5),
        ("leaf-gap-wider-than-beamlet", replace(leaves_of(), gap_mm=4.0), LIMITS, 5),
        ("beam-of-too-many-units", leaves_of(), replace(LIMITS, beam_mu_most=10.0), 5),
        ("too-many-segments", leaves_of(), replace(LIMITS, segments_most=0), 5),
        ("levels-not-sound", leaves_of(), LIMITS, 0),
    ],
)
def test_what_leaves_cannot_form_is_refused(code: str, leaves: Leaves, limits: Limits, levels: int) -> None:
    with pytest.raises(Refusal, match=code):
        sequenced(BEAMLETS, np.full(BEAMLETS.count, 20.0), Delivery(leaves=leaves, limits=limits), levels=levels)
