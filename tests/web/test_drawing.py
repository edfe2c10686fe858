"""Pictures drawn by the server: everything stays inside its frame and labels stay apart."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianfu.web.drawing.life_strip import BOX_TOP, Stretch, plan_strip
from tianfu.web.drawing.line_chart import LABEL_HEIGHT, Bound, Frame, Line, Spot, draw_lines
from tianfu.web.drawing.text import text_width

TODAY = date(2026, 11, 23)


def stretches(*lengths: int, width_min: float = 0) -> list[Stretch]:
    """Stretches one after the other, the first of them from 1990 on; lengths in days."""
    made, starts = [], date(1990, 1, 1)
    for place, days in enumerate(lengths):
        ends = starts + timedelta(days=days)
        made.append(Stretch(id=str(place), colour=place, weight=1, starts=starts, ends=ends, width_min=width_min))
        starts = ends
    return made


@given(st.lists(st.integers(30, 9_000), min_size=1, max_size=10), st.sampled_from([360, 1000]))
def test_boxes_fill_the_strip_and_edges_rise(lengths: list[int], width: int) -> None:
    plan = plan_strip(stretches(*lengths, width_min=20), today=TODAY, width=width)
    last = plan.boxes[-1]
    assert last.x + last.width == pytest.approx(width, abs=1)
    assert list(plan.edges) == sorted(set(plan.edges))
    assert all(edge <= TODAY + timedelta(days=1) for edge in plan.edges)


def test_a_phase_never_gets_less_room_than_its_label_needs() -> None:
    plan = plan_strip(stretches(365, 365, 365, width_min=200), today=TODAY, width=1000)
    assert min(box.width for box in plan.boxes) >= 200


def test_every_record_between_edges_is_in_one_bar() -> None:
    plan = plan_strip(stretches(4_000, 4_000, 9_000), today=TODAY, width=1000)
    bars = plan.bars(dict.fromkeys(plan.edges, 1))
    drawn = sum(len(box.edges) - 1 for box in plan.boxes if box.edges)
    assert len(bars) == drawn
    assert all(bar.y >= BOX_TOP for bar in bars)


def test_one_visit_is_seen_beside_a_thousand() -> None:
    plan = plan_strip(stretches(9_000), today=TODAY, width=1000)
    bars = plan.bars({plan.edges[0]: 1, plan.edges[1]: 1_000})
    assert bars[0].height >= 3


def test_phases_ahead_have_no_bars_and_today_is_marked() -> None:
    plan = plan_strip(stretches(14_000, 9_000), today=TODAY, width=1000)
    assert plan.boxes[1].edges == ()
    assert plan.today_x is not None
    assert 0 < plan.today_x <= plan.boxes[0].width


def bound(value: float | None) -> Bound | None:
    return None if value is None else Bound(value, f"limit {value:g}")


def line(*values: float, low: float | None = None, high: float | None = None, name: str = "a") -> Line:
    spots = tuple(Spot(x=float(place), y=value, said=str(value)) for place, value in enumerate(values))
    return Line(name=name, spots=spots, last_label=spots[-1].said, low=bound(low), high=bound(high))


numbers = st.floats(-1e4, 1e4, allow_nan=False).map(lambda value: round(value, 3))


@given(st.lists(st.lists(numbers, min_size=1, max_size=30), min_size=1, max_size=4))
def test_points_and_labels_stay_inside_the_frame(series: list[list[float]]) -> None:
    frame = Frame()
    chart = draw_lines([line(*values) for values in series], ticks=[(0.0, "2026")], frame=frame)
    for drawn in chart.lines:
        assert all(frame.top - 1 <= dot.y <= frame.height - frame.bottom + 1 for dot in drawn.dots)
        assert all(frame.left <= dot.x <= frame.width - frame.right + 1 for dot in drawn.dots)
    labels = sorted(drawn.label_y for drawn in chart.lines)
    assert all(later - earlier >= LABEL_HEIGHT - 0.2 for earlier, later in itertools.pairwise(labels))


def test_very_small_values_are_told_apart() -> None:
    chart = draw_lines([line(4.5e-8, 9e-8)], ticks=[], frame=Frame())
    assert len({dot.y for dot in chart.lines[0].dots}) == 2
    assert len({level.text for level in chart.grid}) == len(chart.grid)


def test_a_single_series_has_the_band_of_its_reference_range() -> None:
    chart = draw_lines([line(4.0, 5.0, low=3.9, high=6.1)], ticks=[], frame=Frame())
    assert chart.band is not None
    assert [limit.words for limit in chart.limits] == ["limit 6.1", "limit 3.9"]


def test_a_line_breaks_between_stretches() -> None:
    spots = tuple(Spot(x=float(place), y=1.0, said="", stretch=place // 2) for place in range(4))
    [drawn] = draw_lines([Line(name="a", spots=spots, last_label="1")], ticks=[], frame=Frame()).lines
    assert [len(path.split()) for path in drawn.paths] == [2, 2]


def test_several_series_show_upper_limits_only() -> None:
    two = [line(120, low=90, high=140), line(80, low=60, high=90)]
    chart = draw_lines(two, ticks=[], frame=Frame())
    assert chart.band is None
    assert [limit.words for limit in chart.limits] == ["limit 140", "limit 90"]


@pytest.mark.parametrize("words", ["limit 9", "a limit whose words need more room than there is"])
def test_the_words_of_a_limit_stand_where_a_narrow_screen_looks_first(words: str) -> None:
    frame = Frame(width=300, seen_from=120)
    one = replace(line(9, 9, 9, 9, 8, 8), high=Bound(9, words, "≤ 9"))
    [limit] = draw_lines([one], ticks=[], frame=frame).limits
    assert limit.words_x >= frame.seen_from
    assert limit.words_x + text_width(limit.words) <= frame.width - frame.right + 0.1


def test_words_on_the_axis_never_run_into_each_other() -> None:
    ticks = [(float(place), f"20{place:02}年") for place in range(20)]
    chart = draw_lines([line(*map(float, range(20)))], ticks=ticks, frame=Frame())
    places = [place for place, _ in chart.ticks]
    assert chart.ticks[-1][1] == "2019年"
    assert all(later - earlier > text_width("2019年") for earlier, later in itertools.pairwise(places))


def test_a_long_name_at_the_line_is_shortened() -> None:
    chart = draw_lines([line(1, name="Systolic blood pressure in the left arm")], ticks=[], frame=Frame())
    assert chart.lines[0].name.endswith("…")


def test_the_words_of_a_limit_stand_where_no_line_runs() -> None:
    chart = draw_lines([line(9, 9, 9, 9, 1, 1, 1, 1, high=9)], ticks=[], frame=Frame())
    [limit] = chart.limits
    assert limit.words_x > Frame().width / 2
