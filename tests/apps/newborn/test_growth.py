"""The preterm standard as data, against figures that its project published."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianfu.apps.newborn.growth_chart import growth_chart, score_now
from tianfu.apps.newborn.model.growth import (
    Born,
    Sex,
    Weighed,
    centiles,
    curve,
    kilograms_at,
    kilograms_of_centile,
    read_gestation,
    score_of,
    standard,
)
from tianfu.kernel.refusal import Refusal
from tianfu.web.languages import load_languages
from tianfu.web.pages import WEB_FOLDER

SCORES = (-3, -2, -1, 0, 1, 2, 3)
PUBLISHED_SCORES = {
    (Sex.BOY, 27): (0.36, 0.44, 0.55, 0.67, 0.83, 1.02, 1.25),
    (Sex.BOY, 32): (0.97, 1.14, 1.35, 1.60, 1.89, 2.23, 2.63),
    (Sex.BOY, 36): (1.59, 1.85, 2.15, 2.50, 2.90, 3.37, 3.91),
    (Sex.BOY, 40): (2.25, 2.59, 2.98, 3.43, 3.95, 4.54, 5.23),
    (Sex.BOY, 50): (3.78, 4.30, 4.90, 5.59, 6.36, 7.25, 8.25),
    (Sex.BOY, 63): (5.21, 5.93, 6.74, 7.66, 8.71, 9.90, 11.26),
    (Sex.GIRL, 27): (0.33, 0.40, 0.50, 0.61, 0.75, 0.93, 1.14),
    (Sex.GIRL, 32): (0.88, 1.04, 1.23, 1.46, 1.72, 2.03, 2.40),
    (Sex.GIRL, 36): (1.45, 1.69, 1.96, 2.28, 2.65, 3.08, 3.57),
    (Sex.GIRL, 40): (2.06, 2.37, 2.72, 3.13, 3.61, 4.15, 4.77),
    (Sex.GIRL, 50): (3.45, 3.93, 4.48, 5.10, 5.81, 6.62, 7.54),
    (Sex.GIRL, 64): (4.84, 5.50, 6.25, 7.11, 8.08, 9.19, 10.45),
}
"""Weights in kg of the project's tables of standard deviations, by week."""

CENTILES = (3, 10, 50, 90, 97)
PUBLISHED_CENTILES = {
    (Sex.BOY, 28): (0.57, 0.64, 0.83, 1.07, 1.20),
    (Sex.BOY, 34): (1.51, 1.66, 2.04, 2.49, 2.74),
    (Sex.BOY, 44): (3.37, 3.66, 4.34, 5.16, 5.59),
    (Sex.BOY, 64): (6.12, 6.61, 7.79, 9.18, 9.91),
    (Sex.GIRL, 28): (0.52, 0.59, 0.76, 0.97, 1.10),
    (Sex.GIRL, 34): (1.38, 1.52, 1.86, 2.27, 2.50),
    (Sex.GIRL, 44): (3.08, 3.34, 3.96, 4.71, 5.11),
    (Sex.GIRL, 64): (5.58, 6.03, 7.11, 8.38, 9.05),
}
"""The same of the tables of centiles."""

WEEKS = st.floats(27, 64)
KILOGRAMS = st.floats(0.3, 12)
SEXES = st.sampled_from(Sex)


@pytest.mark.parametrize(("key", "published"), PUBLISHED_SCORES.items())
def test_weights_by_standard_deviation_are_those_that_were_published(
    key: tuple[Sex, int], published: tuple[float, ...]
) -> None:
    sex, week = key
    assert [round(kilograms_at(week, sex, score), 2) for score in SCORES] == list(published)


@pytest.mark.parametrize(("key", "published"), PUBLISHED_CENTILES.items())
def test_weights_by_centile_are_those_that_were_published_to_ten_grams(
    key: tuple[Sex, int], published: tuple[float, ...]
) -> None:
    sex, week = key
    # The project's tables were made with rounded quantiles: their last digit may differ by one.
    for centile, kilograms in zip(CENTILES, published, strict=True):
        assert abs(kilograms_of_centile(week, sex, centile) - kilograms) < 0.011


def test_the_standard_says_where_it_is_from_and_that_it_decides_nothing() -> None:
    assert standard()["mark"] == "found"
    assert "doi:10.1016/S2214-109X(15)00163-1" in standard()["source"]
    assert standard()["cleared_for_clinical_decisions"] is False
    assert centiles() == CENTILES


@given(WEEKS, SEXES, KILOGRAMS)
def test_a_weight_and_its_score_lead_back_to_each_other(weeks: float, sex: Sex, kilograms: float) -> None:
    assert kilograms_at(weeks, sex, score_of(weeks, sex, kilograms)) == pytest.approx(kilograms)


@given(WEEKS, WEEKS, SEXES)
def test_curves_rise_with_age_and_never_cross(one: float, other: float, sex: Sex) -> None:
    younger, older = sorted((one, other))
    at = [kilograms_of_centile(younger, sex, each) for each in centiles()]
    assert at == sorted(at)
    if older - younger > 0.01:
        assert all(kilograms_of_centile(older, sex, each) > low for each, low in zip(centiles(), at, strict=True))


@given(WEEKS)
def test_a_boy_s_median_lies_above_a_girl_s(weeks: float) -> None:
    assert kilograms_at(weeks, Sex.BOY, 0) > kilograms_at(weeks, Sex.GIRL, 0)


@pytest.mark.parametrize("weeks", [0.0, 26.99, 64.01, 200.0])
def test_outside_its_weeks_the_standard_says_nothing(weeks: float) -> None:
    with pytest.raises(ValueError, match="weeks-outside-standard"):
        kilograms_at(weeks, Sex.BOY, 0)


def test_a_curve_ends_where_the_standard_does() -> None:
    assert [week for week, _ in curve(Sex.GIRL, 50, 25.5, 29.5)] == [27, 28, 29, 29.5]
    assert curve(Sex.GIRL, 50, 20, 26) == ()


@given(st.integers(22, 43), st.integers(0, 6))
def test_the_length_of_a_pregnancy_is_read_in_weeks_and_days(weeks: int, days: int) -> None:
    assert read_gestation({"weeks": str(weeks), "days": str(days)}) == 7 * weeks + days


@pytest.mark.parametrize(
    ("weeks", "days"), [("", "0"), ("30", ""), ("30", "7"), ("21", "6"), ("44", "0"), ("三十", "0"), ("3e1", "0")]
)
def test_a_length_that_is_none_is_refused(weeks: str, days: str) -> None:
    with pytest.raises(Refusal, match="gestation-unusable"):
        read_gestation({"weeks": weeks, "days": days})


BIRTH = date(2026, 11, 1)
WEIGHTS = tuple(Weighed(day=BIRTH + timedelta(days=7 * week), grams=1_000 + 180 * week) for week in range(4))
ENGLISH = load_languages([WEB_FOLDER / "languages"])["en"]


def test_a_chart_has_centiles_only_where_sex_and_length_of_the_pregnancy_are_known() -> None:
    known = growth_chart(WEIGHTS, Born(day=BIRTH, gestation_days=200, sex=Sex.BOY), ENGLISH)
    assert known is not None
    assert known[1]
    assert [each.name for each in known[0].curves] == ["P3", "P10", "P50", "P90", "P97"]
    assert len(known[0].dots) == len(WEIGHTS)
    for born in (
        None,
        Born(day=BIRTH, gestation_days=None, sex=Sex.BOY),
        Born(day=BIRTH, gestation_days=200, sex=None),
        Born(day=BIRTH, gestation_days=154, sex=Sex.BOY),
    ):
        own = growth_chart(WEIGHTS, born, ENGLISH)
        assert own is not None
        assert (own[1], own[0].curves, len(own[0].dots)) == (False, (), len(WEIGHTS))
    assert growth_chart((), Born(day=BIRTH, gestation_days=200, sex=Sex.BOY), ENGLISH) is None


def test_the_score_is_that_of_the_last_weight() -> None:
    born = Born(day=BIRTH, gestation_days=7 * 30, sex=Sex.GIRL)
    median = round(1000 * kilograms_at(33, Sex.GIRL, 0))
    last = Weighed(day=BIRTH + timedelta(days=21), grams=median)
    assert score_now([last, Weighed(day=BIRTH, grams=900)], born) == pytest.approx(0, abs=0.01)


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(200, 12_000)), min_size=1, max_size=40), SEXES)
def test_every_value_lies_within_the_picture(values: list[tuple[int, int]], sex: Sex) -> None:
    weights = [Weighed(day=BIRTH + timedelta(days=day), grams=grams) for day, grams in values]
    for born in (None, Born(day=BIRTH, gestation_days=200, sex=sex)):
        drawn = growth_chart(weights, born, ENGLISH)
        assert drawn is not None
        chart, frame = drawn[0], drawn[0].frame
        for dot in chart.dots:
            assert frame.left <= dot.x <= chart.right_edge
            assert frame.top - 0.1 <= dot.y <= frame.height - frame.bottom + 0.1
