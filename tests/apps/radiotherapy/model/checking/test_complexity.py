"""Complexity against what can be written down: rectangles, halves, stairs and combs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import pi

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.apps.radiotherapy.model.checking.plants import NO_RECORDS, beam, sound_checked
from tianfu.apps.radiotherapy.model.checking.apertures import shots_of
from tianfu.apps.radiotherapy.model.checking.complexity import Complexity, beam_complexity, complexity_of
from tianfu.apps.radiotherapy.model.checking.rules import NotJudgedError
from tianfu.standards.dicom.beams import Beam, ControlPoint, LimitingDevice
from tianfu.standards.dicom.control_points import Opening, Stand

ROWS = 10
BOUNDARIES = tuple(np.linspace(-50.0, 50.0, ROWS + 1).tolist())
OPEN = (-50.0, 50.0)

Rows = Sequence[tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A segment: its rows, its jaws across x and y, and its part of the beam's monitor units."""

    rows: Rows
    x: tuple[float, float] = OPEN
    y: tuple[float, float] = OPEN
    weight: float = 1.0


def made(*segments: Drawn, layers: int = 1) -> Beam:
    """A step-and-shoot beam of ten pairs of 10 mm."""
    reached = np.cumsum([0.0, *(one.weight for one in segments)])
    devices = (
        LimitingDevice(kind="ASYMX", pairs=1),
        LimitingDevice(kind="ASYMY", pairs=1),
        *(LimitingDevice(kind="MLCX", pairs=ROWS, boundaries_mm=BOUNDARIES) for _ in range(layers)),
    )
    points = [
        ControlPoint(weight=float(weight), stand=_stand(one), isocentre_mm=(0, 0, 0), dose_rate=600)
        for number, one in enumerate(segments)
        for weight in reached[number : number + 2]
    ]
    return Beam(
        number=1,
        name="1",
        kind="DYNAMIC",
        radiation="PHOTON",
        machine="x",
        delivery="TREATMENT",
        unit="MU",
        axis_mm=1000,
        final_weight=float(reached[-1]),
        devices=devices,
        control_points=tuple(points),
    )


def _stand(one: Drawn) -> Stand:
    positions = (*(left for left, _ in one.rows), *(right for _, right in one.rows))
    return Stand(
        openings=(
            Opening(device="ASYMX", positions_mm=one.x),
            Opening(device="ASYMY", positions_mm=one.y),
            Opening(device="MLCX", positions_mm=positions),
        )
    )


def figures(*segments: Drawn, mu: float = 100.0) -> Complexity:
    return beam_complexity(made(*segments), mu=mu)


def whole(left: float = -50.0, right: float = 50.0) -> Rows:
    return [(left, right)] * ROWS


def test_an_open_square_is_as_plain_as_can_be() -> None:
    plain = figures(Drawn(rows=whole()))
    assert (plain.lsv, plain.aav, plain.mcs, plain.modulation) == pytest.approx((1, 1, 1, 0))
    assert plain.sas == (0, 0, 0, 0)
    # The edge of a square of side a is 4 a: (4 a)^2 / (4 pi a^2).
    assert plain.irregularity == pytest.approx(4 / pi)


def test_two_halves_have_half_the_area_variability_and_half_the_modulation() -> None:
    halves = figures(Drawn(rows=whole(-50, 0)), Drawn(rows=whole(0, 50)))
    assert (halves.lsv, halves.aav, halves.mcs) == pytest.approx((1, 0.5, 0.5))
    # Each segment opens half of what both open together.
    assert halves.modulation == pytest.approx(0.5)


def test_segments_count_by_their_monitor_units() -> None:
    uneven = figures(Drawn(rows=whole(), weight=3.0), Drawn(rows=whole(0, 50), weight=1.0))
    assert uneven.aav == pytest.approx((3 * 1 + 1 * 0.5) / 4)


def test_a_stair_loses_one_step_of_its_span() -> None:
    # Nine steps of 2 mm over a span of 18 mm: the mean of (18 - 2) / 18; the other bank is straight.
    stair = figures(Drawn(rows=[(-50 + 2.0 * row, 50.0) for row in range(ROWS)]))
    assert stair.lsv == pytest.approx(16 / 18)


def test_a_comb_has_no_regular_leaf_sequence() -> None:
    comb = figures(Drawn(rows=[(-20.0 * (row % 2), 50.0) for row in range(ROWS)]))
    assert comb.lsv == pytest.approx(0)


def test_the_edge_of_a_comb_goes_along_every_tooth() -> None:
    comb = figures(Drawn(rows=[(-20.0 * (row % 2), 50.0) for row in range(ROWS)]))
    # Both ends of ten rows of 10 mm, nine edges of 20 mm between long and short rows, and the first and last row.
    edge, area = 2 * 100 + 9 * 20 + 50 + 70, 5 * 10 * (50 + 70)
    assert comb.irregularity == pytest.approx(edge**2 / (4 * pi * area))


def test_small_openings_are_counted_pair_by_pair() -> None:
    mixed = figures(Drawn(rows=[(0.0, 4.0)] * 3 + [(0.0, 40.0)] * 7))
    assert mixed.sas == pytest.approx((0, 0.3, 0.3, 0.3))


def test_what_lies_behind_jaws_does_not_count() -> None:
    outside = [(-50.0 + 7 * (row % 3), 50.0) for row in range(ROWS)]
    cut = figures(Drawn(rows=outside, x=(-30, 30), y=(-20, 20)))
    assert (cut.lsv, cut.mcs, cut.area_mm2) == pytest.approx((1, 1, 60 * 40))
    assert cut.irregularity == pytest.approx(200**2 / (4 * pi * 2400))


def test_a_row_that_a_jaw_cuts_counts_with_what_is_left_of_it() -> None:
    assert figures(Drawn(rows=whole(), y=(-45, 50))).area_mm2 == pytest.approx(95 * 100)


def test_jaws_that_move_between_segments_change_the_area_though_leaves_do_not() -> None:
    moved = figures(Drawn(rows=whole(), x=(-50, 0)), Drawn(rows=whole()))
    assert moved.aav == pytest.approx((0.5 + 1) / 2)
    assert moved.modulation == pytest.approx(1 - (5000 + 10000) / 2 / 10000)


def test_jaws_that_cut_rows_at_other_heights_share_only_what_both_open() -> None:
    # 0 to 25 mm and -25 to 10 mm together open 50 mm of height; their mean is 30 mm.
    split = figures(Drawn(rows=whole(), y=(0, 25)), Drawn(rows=whole(), y=(-25, 10)))
    assert split.modulation == pytest.approx(1 - 30 / 50)


def test_leaves_that_move_while_dose_is_given_count_half_way() -> None:
    still = made(Drawn(rows=whole(-50, 0)), Drawn(rows=whole(0, 50)))
    first, last = still.control_points[0], still.control_points[-1]
    sliding = replace(still, control_points=(first, last))
    (shot,) = shots_of(sliding, mu=10.0)
    assert shot.middle.first_mm.tolist() == [-25.0] * ROWS


def test_two_layers_of_leaves_are_not_judged_by_one_of_them() -> None:
    with pytest.raises(NotJudgedError, match="leaves-in-layers"):
        beam_complexity(made(Drawn(rows=whole()), layers=2), mu=100.0)


def test_a_closed_beam_has_no_complexity() -> None:
    with pytest.raises(NotJudgedError):
        figures(Drawn(rows=whole(0, 0)))


def test_a_plan_is_the_mean_of_its_beams_by_monitor_units() -> None:
    judged = complexity_of(sound_checked())
    mean = sum(one.mu * one.mcs for one in judged.beams.values()) / sum(one.mu for one in judged.beams.values())
    assert judged.plan.mcs == pytest.approx(mean)
    assert judged.mu_per_gy == pytest.approx(judged.plan.mu / 2)


def test_a_plan_with_a_beam_that_cannot_be_judged_has_no_figure() -> None:
    with pytest.raises(NotJudgedError):
        complexity_of(NO_RECORDS(beam(final_weight=None)(sound_checked())))


rows = st.lists(
    st.tuples(st.integers(-50, 49), st.integers(1, 50)).map(lambda one: (float(one[0]), float(min(50, sum(one))))),
    min_size=ROWS,
    max_size=ROWS,
)


@settings(max_examples=40, deadline=None)
@given(st.lists(rows, min_size=1, max_size=4), st.floats(1, 500))
def test_scores_stay_in_their_bounds_and_know_no_left_nor_scale(apertures: list[Rows], mu: float) -> None:
    one = figures(*(Drawn(rows=each) for each in apertures), mu=mu)
    mirrored = figures(*(Drawn(rows=[(-right, -left) for left, right in each]) for each in apertures), mu=2 * mu)
    assert 0 <= one.mcs <= one.aav <= 1 + 1e-9
    assert one.irregularity >= 1
    assert -1e-9 <= one.modulation < 1
    assert (one.mcs, one.irregularity, one.modulation) == pytest.approx(
        (mirrored.mcs, mirrored.irregularity, mirrored.modulation), abs=1e-9
    )
