"""Histograms as drawings and tables."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.apps.radiotherapy.pictures.sights import of_class, points_of, read_svg, words_of
from tests.apps.radiotherapy.pictures.test_overlays import HOSTILE
from tianfu.apps.radiotherapy.model.dvh import Dvh
from tianfu.apps.radiotherapy.model.dvh_figures import volume_at_dose_percent
from tianfu.apps.radiotherapy.pictures.dvh_plot import DvhCurve, DvhGoal, DvhWords, dvh_plot, dvh_space
from tianfu.apps.radiotherapy.pictures.dvh_table import dvh_table
from tianfu.apps.radiotherapy.pictures.marks import SERIES, look_of
from tianfu.apps.radiotherapy.pictures.scales import COMPACT, WIDE, Layout, ticks
from tianfu.kernel.refusal import Refusal

WORDS = DvhWords(key="dvh", title="Histogram", description="How much gets how much", dose="Dose", volume="Volume")
COMPARED = DvhWords(
    key="dvh", title="Histogram", description="Two", dose="Dose", volume="Volume", first="Plan A", second="Plan B"
)
LAYOUTS = {"wide": WIDE, "compact": COMPACT}


def even(low_gy: float, high_gy: float, *, bins: int = 1000) -> Dvh:
    """Of 50 cc as much gets each dose between two: the curve falls straight."""
    edges = np.linspace(low_gy, high_gy, bins + 1)
    volumes = np.full(bins, 50 / bins)
    return Dvh(edges_gy=edges, volumes_cc=volumes, mean_gy=(low_gy + high_gy) / 2, outside_cc=0.0)


def curved(middle_gy: float) -> Dvh:
    """A bell around a dose: the curve is an S."""
    edges = np.linspace(0, 70, 2001)
    volumes = np.exp(-(((edges[1:] + edges[:-1]) / 2 - middle_gy) ** 2) / 50)
    return Dvh(edges_gy=edges, volumes_cc=volumes, mean_gy=middle_gy, outside_cc=0.0)


def curve(dvh: Dvh, name: str = "Organ", series: int = 1, *, is_second: bool = False) -> DvhCurve:
    """A curve."""
    return DvhCurve(name=name, series=series, dvh=dvh, is_second=is_second)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_the_line_has_its_corners_where_the_doses_are(layout: Layout) -> None:
    """Straight from 100 % at 20 Gy to none at 60 Gy: three corners, each at its place."""
    curves = [curve(even(20, 60))]
    space = dvh_space(curves, (), layout=layout)
    (line,) = of_class(read_svg(dvh_plot(curves, (), words=WORDS, layout=layout)), "rt-curve")
    expected = [
        (layout.left + dose / space.end_gy * layout.plot_width, layout.top + (1 - percent / 100) * layout.plot_height)
        for dose, percent in ((0, 100), (20, 100), (60, 0))
    ]
    np.testing.assert_allclose(points_of(line), expected, atol=0.01)


def test_every_point_of_the_line_is_a_point_of_the_histogram() -> None:
    curves = [curve(curved(35))]
    space = dvh_space(curves, (), layout=WIDE)
    (line,) = of_class(read_svg(dvh_plot(curves, (), words=WORDS, layout=WIDE)), "rt-curve")
    for x, y in points_of(line):
        dose = (x - WIDE.left) / WIDE.plot_width * space.end_gy
        percent = 100 * (1 - (y - WIDE.top) / WIDE.plot_height)
        assert volume_at_dose_percent(curves[0].dvh, dose) == pytest.approx(percent, abs=0.05)


def test_a_uniform_dose_falls_at_once() -> None:
    dvh = Dvh(edges_gy=np.array([50.0, 50.0]), volumes_cc=np.array([7.0]), mean_gy=50.0, outside_cc=0.0)
    (line,) = of_class(read_svg(dvh_plot([curve(dvh)], (), words=WORDS, layout=WIDE)), "rt-curve")
    points = points_of(line)
    assert points[-2][0] == points[-1][0]
    assert points[-1][1] - points[-2][1] == pytest.approx(WIDE.plot_height)


def test_no_dose_at_all_is_a_plot_still() -> None:
    dvh = Dvh(edges_gy=np.zeros(2), volumes_cc=np.array([7.0]), mean_gy=0.0, outside_cc=0.0)
    assert of_class(read_svg(dvh_plot([curve(dvh)], (), words=WORDS, layout=WIDE)), "rt-curve")


def test_a_goal_stands_at_its_dose_and_volume() -> None:
    curves = [curve(even(20, 60))]
    goal = DvhGoal(dose_gy=45, volume_percent=30, words="V45 ≤ 30 %", series=1, is_limit=True)
    root = read_svg(dvh_plot(curves, [goal], words=WORDS, layout=WIDE))
    (mark,) = of_class(root, "rt-goal-mark")
    x, y = re.findall(r"-?[\d.]+", mark.get("d", ""))[:2]
    expected = dvh_space(curves, [goal], layout=WIDE).places(np.array([45.0, 30.0]))
    np.testing.assert_allclose([float(x), float(y) + 5], expected, atol=0.01)
    assert "V45 ≤ 30 %" in words_of(root)


def test_a_limit_points_to_the_left_and_a_floor_to_the_right() -> None:
    goals = [
        DvhGoal(dose_gy=45, volume_percent=30, words="", series=1, is_limit=is_limit) for is_limit in (True, False)
    ]
    limit, floor = of_class(read_svg(dvh_plot([curve(even(0, 60))], goals, words=WORDS, layout=WIDE)), "rt-goal-mark")
    assert "l-8," in limit.get("d", "")
    assert "l8," in floor.get("d", "")


def test_goals_beyond_all_doses_are_on_the_plot() -> None:
    goal = DvhGoal(dose_gy=110, volume_percent=0, words="", series=1, is_limit=True)
    assert dvh_space([curve(even(0, 60))], [goal], layout=WIDE).end_gy >= 110


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
@pytest.mark.parametrize("count", [3, 12, 40])
def test_every_name_is_in_the_drawing_and_none_covers_another(layout: Layout, count: int) -> None:
    curves = [curve(curved(65 * at / count), f"Organ {at}", at + 1) for at in range(count)]
    root = read_svg(dvh_plot(curves, (), words=WORDS, layout=layout))
    assert {each.name for each in curves} <= set(words_of(root))
    size = layout.type_size
    boxes = [
        (float(each.get("x", "")), float(each.get("y", "")), 0.56 * size * len(each.text or ""))
        for each in of_class(root, "rt-name")
    ]
    assert boxes
    for at, (x, y, width) in enumerate(boxes):
        for other_x, other_y, other_width in boxes[at + 1 :]:
            assert x + width <= other_x or other_x + other_width <= x or abs(y - other_y) >= size


def test_the_plans_of_a_comparison_are_solid_and_dashed_and_named() -> None:
    curves = [curve(even(20, 60)), curve(even(25, 60), is_second=True)]
    root = read_svg(dvh_plot(curves, (), words=COMPARED, layout=WIDE))
    first, second = of_class(root, "rt-curve")
    assert (first.get("stroke-dasharray"), second.get("stroke-dasharray")) == (None, "6 4")
    assert {"Plan A", "Plan B"} <= set(words_of(root))
    assert [each.text for line in (first, second) for each in line] == ["Organ · Plan A", "Organ · Plan B"]
    assert words_of(root).count("Organ") == 1


def test_no_two_of_the_first_series_look_the_same() -> None:
    looks = [look_of(series) for series in range(1, SERIES + 1)]
    assert len({(look.colour, look.dash) for look in looks}) == SERIES
    assert len({(look.colour, look.marker) for look in looks}) == SERIES


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_names_from_strangers_files_are_but_words(name: str, layout: Layout) -> None:
    goal = DvhGoal(dose_gy=45, volume_percent=30, words=name, series=1, is_limit=True)
    words = DvhWords(key="dvh", title=name, description=name, dose="Dose", volume="Volume", first=name, second=name)
    curves = [curve(even(20, 60), name), curve(even(20, 60), name, is_second=True)]
    root = read_svg(dvh_plot(curves, [goal], words=words, layout=layout))
    kinds = {each.tag.rpartition("}")[2] for each in root.iter()}
    assert kinds <= {"svg", "title", "desc", "path", "circle", "rect", "text"}
    assert not {"style", "stroke", "fill"} & {key for each in root.iter() for key in each.attrib}


def test_letters_are_readable_on_a_telephone() -> None:
    """A screen of 320 pixels leaves 288 for the drawing; the cockpit's smallest letters have 11."""
    assert COMPACT.type_size * 288 / COMPACT.width >= 11


@pytest.mark.parametrize(
    ("dose_gy", "volume_percent"), [(-1.0, 50.0), (np.nan, 50.0), (np.inf, 50.0), (45.0, 101.0), (45.0, np.nan)]
)
def test_a_goal_that_is_no_point_is_refused(dose_gy: float, volume_percent: float) -> None:
    goal = DvhGoal(dose_gy=dose_gy, volume_percent=volume_percent, words="x", series=1, is_limit=True)
    with pytest.raises(Refusal, match="dvh-goal-out-of-range"):
        dvh_plot([curve(even(20, 60))], [goal], words=WORDS, layout=WIDE)


def test_no_curves_are_no_plot() -> None:
    for draw in (lambda: dvh_plot([], (), words=WORDS, layout=WIDE), lambda: dvh_table([], (), layout=WIDE)):
        with pytest.raises(Refusal, match="dvh-plot-empty"):
            draw()


def test_more_curves_than_a_plot_holds_are_refused() -> None:
    with pytest.raises(Refusal, match="dvh-plot-too-many"):
        dvh_plot([curve(even(20, 60))] * 97, (), words=WORDS, layout=WIDE)


def test_the_table_says_what_the_plot_shows() -> None:
    """Straight from 100 % at 20 Gy to none at 60 Gy."""
    table = dvh_table([curve(even(20, 60))], (), layout=WIDE)
    (row,) = table.rows
    assert table.doses_gy == (0, 10, 20, 30, 40, 50, 60, 70)
    assert row.percents == pytest.approx((100, 100, 100, 75, 50, 25, 0, 0))
    assert (row.lowest_gy, row.d98_gy, row.mean_gy, row.d2_gy, row.highest_gy) == pytest.approx(
        (20, 20.8, 40, 59.2, 60)
    )


@given(st.floats(1e-6, 1e6), st.integers(2, 12))
def test_ticks_reach_the_end_in_at_most_so_many_even_steps(end: float, at_most: int) -> None:
    found = ticks(end, at_most=at_most)
    assert found[0] == 0
    assert len(found) - 1 <= at_most
    assert found[-1] >= end * (1 - 1e-6)
    np.testing.assert_allclose(np.diff(found), found[1], rtol=1e-6, atol=1e-9)
