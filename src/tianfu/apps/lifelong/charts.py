"""A trend as a line chart in the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal

from tianfu.apps.lifelong.model.trend import Point, Series, Trend
from tianfu.apps.lifelong.speech import Speech
from tianfu.kernel.instants import DAY
from tianfu.web.asking import Asking
from tianfu.web.drawing.line_chart import Bound, Frame, Line, LineChart, Spot, draw_lines
from tianfu.web.formats import Formats

PHONE = Frame(width=300, height=204, left=36, right=58, seen_from=122)
CARD = Frame(width=390, height=216, right=72, seen_from=150)
WIDE = Frame(width=900, height=340, left=52, right=110, seen_from=610)
CARD_POINTS, PHONE_POINTS = 24, 14
"""A card shows less time rather than smaller signs; the page of the trend shows all of it."""

DAYS_BY_DAY = 120
DAYS_BY_MONTH = 365 * 3


def chart_of(trend: Trend, asking: Asking, *, is_card: bool) -> LineChart | None:
    """The drawing of a trend; None if it has no values."""
    if not trend.series:
        return None
    speech = Speech(asking.language)
    shown = trend.latest(points_shown(asking)) if is_card else trend
    return draw_lines(
        [_line(series, speech, is_alone=len(shown.series) == 1) for series in shown.series],
        ticks=_ticks(shown.series, Formats(asking.language)),
        frame=_frame(asking, is_card=is_card),
    )


def points_shown(asking: Asking) -> int:
    """How many values of a series a card has room for."""
    return PHONE_POINTS if asking.look.density == "citizen" else CARD_POINTS


def _frame(asking: Asking, *, is_card: bool) -> Frame:
    """A card beside the timeline, a page of its own, or a phone, where type keeps its size and the plot gives way."""
    if asking.look.density == "citizen":
        return PHONE if is_card else CARD
    return CARD if is_card else WIDE


def _line(series: Series, speech: Speech, *, is_alone: bool) -> Line:
    limits = series.range
    name = "" if is_alone else speech.concept(series.name).text
    return Line(
        name=speech.concept(series.name).text,
        spots=tuple(_spot(series, point, speech) for point in series.points),
        last_label=speech.point(series.last),
        low=_bound(limits.low if limits else None, "lower", name, speech),
        high=_bound(limits.high if limits else None, "upper", name, speech),
    )


def _spot(series: Series, point: Point, speech: Speech) -> Spot:
    return Spot(
        x=float(point.when.low),
        y=float(point.value),
        said=_said(series, point, speech),
        is_outside=point.flag is not None,
        is_critical=point.flag is not None and point.flag.is_critical,
        is_preliminary=point.is_preliminary,
        stretch=point.stretch,
    )


def _said(series: Series, point: Point, speech: Speech) -> str:
    value = f"{speech.point(point)} {speech.unit_text(series.unit)}".strip()
    caveat = speech.say("mark.preliminary") if point.is_preliminary else ""
    parts = (speech.day(point.when), speech.concept(series.name).text, value, speech.flag(point.flag), caveat)
    return " ".join(part for part in parts if part)


def _bound(value: Decimal | None, side: str, name: str, speech: Speech) -> Bound | None:
    """A limit with its words; of several series each says whose limit it is."""
    if value is None:
        return None
    shown = speech.number(value)
    short = f"{'≤' if side == 'upper' else '≥'} {shown}"
    if not name:
        return Bound(float(value), speech.say(f"chart.{side}", value=shown), short)
    return Bound(float(value), speech.say(f"chart.{side}-of", name=name, value=shown), short)


def _writer(formats: Formats, days: float) -> Callable[[date], str]:
    if days <= DAYS_BY_DAY:
        return formats.day_of_year
    return formats.month_short if days <= DAYS_BY_MONTH else formats.year


def _ticks(series: Sequence[Series], formats: Formats) -> list[tuple[float, str]]:
    """Every place where something was measured, in words as short as the span allows."""
    moments = sorted({point.when for one in series for point in one.points})
    if len(moments) == 1:
        return [(float(moments[0].low), formats.day(moments[0].day))]
    days = (moments[-1].low - moments[0].low) / DAY
    write = (
        formats.day_of_year if days <= DAYS_BY_DAY else formats.month_short if days <= DAYS_BY_MONTH else formats.year
    )
    ticks: dict[str, float] = {}
    for moment in moments:
        ticks.setdefault(write(moment.day), float(moment.low))
    return [(place, words) for words, place in ticks.items()]
