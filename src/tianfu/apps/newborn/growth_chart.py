"""A baby's weights among centiles in the reader's language."""

from __future__ import annotations

from collections.abc import Sequence

from tianfu.apps.newborn.model.growth import Born, Weighed, centiles, curve, is_covered, places_of, score_of
from tianfu.web.drawing.curve_chart import Curve, CurveChart, CurveFrame, Spot, draw_curves
from tianfu.web.formats import Formats
from tianfu.web.languages import Language

FRAME = CurveFrame(width=340, height=280)
AHEAD_WEEKS = 4.0
"""How far the curves go on after the last weight, so that one sees where they lead."""

MIDDLE = 50


def growth_chart(weights: Sequence[Weighed], born: Born | None, language: Language) -> tuple[CurveChart, bool] | None:
    """The drawing, and whether centiles are in it; None without a weight.

    Without the length of the pregnancy or the sex, or outside the weeks of the standard, it is the child's own line.
    """
    if not weights:
        return None
    formats = Formats(language)
    aged = places_of(weights, born) if born is not None else ()
    if born is None or born.sex is None or not aged or not any(is_covered(weeks) for weeks, _ in aged):
        return _own_line(weights, formats, language), False
    first, last = aged[0][0], aged[-1][0] + AHEAD_WEEKS
    curves = [
        Curve(
            name=f"P{each}",
            points=tuple((weeks, round(grams)) for weeks, grams in curve(born.sex, each, first, last)),
            is_middle=each == MIDDLE,
        )
        for each in centiles()
    ]
    spots = [Spot(weeks, each.grams, _said(each, formats, language)) for weeks, each in aged]
    return draw_curves(curves, spots, frame=FRAME, tick_of=lambda week: f"{week:g}"), True


def score_now(weights: Sequence[Weighed], born: Born | None) -> float | None:
    """How many standard deviations the last weight lies from the median; None where the standard says nothing."""
    aged = places_of(weights, born) if born is not None else ()
    if born is None or born.sex is None or not aged or not is_covered(aged[-1][0]):
        return None
    weeks, last = aged[-1]
    return score_of(weeks, born.sex, last.grams / 1000)


def _own_line(weights: Sequence[Weighed], formats: Formats, language: Language) -> CurveChart:
    """Weights by day alone; places on the x axis are days since the first."""
    ordered = sorted(weights, key=lambda each: each.day)
    start = ordered[0].day
    spots = [Spot(float((each.day - start).days), each.grams, _said(each, formats, language)) for each in ordered]
    return draw_curves((), spots, frame=FRAME, tick_of=lambda day: f"{day:g}")


def _said(each: Weighed, formats: Formats, language: Language) -> str:
    return f"{formats.day(each.day)}{language.say('format.colon')}{each.grams} g"
