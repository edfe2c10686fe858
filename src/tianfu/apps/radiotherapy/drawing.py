"""Results and planes as drawings for a page; nothing here is loaded before somebody looks at one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from markupsafe import Markup

from tianfu.apps.radiotherapy.made_results import dvh_from
from tianfu.apps.radiotherapy.model.constraints import Constraint, Quantity, Unit, constraint_from
from tianfu.apps.radiotherapy.model.dvh import Dvh
from tianfu.apps.radiotherapy.pictures.dvh_plot import CURVES_MAX, DvhCurve, DvhGoal, dvh_plot
from tianfu.apps.radiotherapy.pictures.dvh_table import DvhTable, dvh_table
from tianfu.apps.radiotherapy.pictures.scales import COMPACT, WIDE, Layout
from tianfu.apps.radiotherapy.pictures.words import dvh_words
from tianfu.apps.radiotherapy.plan_progress import MovingCurve, PlanProgress
from tianfu.apps.radiotherapy.plan_results import PlanResult
from tianfu.apps.radiotherapy.results import LineResult, StructureResult
from tianfu.web.languages import Language


@dataclass(frozen=True, kw_only=True)
class DrawnDvh:
    """A plot in two sizes, the same as a table, and how many structures found no room in it."""

    wide: Markup
    compact: Markup
    table: DvhTable
    left_out: int


class Judged(Protocol):
    """A dose that was judged in structures, by goals of a protocol if one was chosen."""

    @property
    def structures(self) -> tuple[StructureResult, ...]:
        """With their histograms."""
        ...

    @property
    def lines(self) -> tuple[LineResult, ...]:
        """The goals."""
        ...

    @property
    def prescription_gy(self) -> float | None:
        """What percents of a goal are of."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanHistograms:
    """A plan that was made, as it is drawn."""

    structures: tuple[StructureResult, ...]
    lines: tuple[LineResult, ...]
    prescription_gy: float | None


def plan_histograms(result: PlanResult) -> PlanHistograms:
    """A plan as its histograms are drawn, in the dose of its first engine."""
    return PlanHistograms(structures=result.structures, lines=result.lines, prescription_gy=result.prescribed_gy)


def drawn_progress(progress: PlanProgress, language: Language) -> DrawnDvh | None:
    """The curves of a plan in the making, on axes that do not move; None if there are none yet."""
    curves = [
        DvhCurve(name=each.structure, series=series, dvh=_moving(each, progress.top_gy))
        for series, each in enumerate(progress.curves, start=1)
    ]
    if not curves or progress.top_gy <= 0:
        return None

    def drawn(key: str, layout: Layout) -> Markup:
        return dvh_plot(curves, (), words=dvh_words(language, key=key, structures=len(curves)), layout=layout)

    return DrawnDvh(
        wide=drawn("dvh", WIDE),
        compact=drawn("dvh-small", COMPACT),
        table=dvh_table(curves, (), layout=WIDE),
        left_out=0,
    )


def _moving(curve: MovingCurve, top_gy: float) -> Dvh:
    """A curve of percents as a histogram of one cubic centimetre; what is hotter than the axis ends with it."""
    percents = np.array(curve.percents)
    return Dvh(
        edges_gy=np.linspace(0.0, top_gy, len(percents)),
        volumes_cc=-np.diff(np.append(percents[:-1], 0.0)) / 100,
        mean_gy=curve.mean_gy,
        outside_cc=0.0,
    )


def drawn_dvh(results: Sequence[Judged], language: Language, *, plans: tuple[str, str] = ("", "")) -> DrawnDvh | None:
    """The histograms of one judged dose, or of two whose structures have the same names; None if there are none.

    Structures of the protocol come first where not all find room.
    """
    wanted = {line.structure for result in results for line in result.lines}
    names = {
        each.name: (each.standard_name or each.name) in wanted
        for result in results
        for each in result.structures
        if each.figures is not None
    }
    chosen = sorted(names, key=lambda name: not names[name])[: CURVES_MAX // len(results)]
    series = {name: number for number, name in enumerate(chosen, start=1)}
    curves = [
        DvhCurve(name=each.name, series=series[each.name], dvh=dvh_from(each.figures.dvh), is_second=is_second)
        for is_second, result in zip((False, True), results, strict=False)
        for each in result.structures
        if each.figures is not None and each.name in series
    ]
    if not curves:
        return None
    of_standard = {each.standard_name or each.name: series.get(each.name) for each in results[0].structures}
    goals = [goal for line in results[0].lines if (goal := _goal(line, of_standard, results[0])) is not None]

    def drawn(key: str, layout: Layout) -> Markup:
        words = dvh_words(language, key=key, structures=len(series), plans=plans)
        return dvh_plot(curves, goals, words=words, layout=layout)

    return DrawnDvh(
        wide=drawn("dvh", WIDE),
        compact=drawn("dvh-small", COMPACT),
        table=dvh_table(curves, goals, layout=WIDE),
        left_out=len(names) - len(series),
    )


def _goal(line: LineResult, series: dict[str, int | None], result: Judged) -> DvhGoal | None:
    """A goal as a point of the plot; None for one that is none, such as a mean."""
    number = series.get(line.structure)
    point = _point(constraint_from(line.goal), result.prescription_gy)
    if number is None or point is None:
        return None
    return DvhGoal(
        dose_gy=point[0],
        volume_percent=point[1],
        words=f"{line.structure} {line.goal}",
        series=number,
        is_limit=not line.wants_more,
    )


def _point(constraint: Constraint, prescription_gy: float | None) -> tuple[float, float] | None:
    def gray(value: float, unit: Unit | None) -> float | None:
        if unit is Unit.GY:
            return value
        return None if unit is not Unit.PERCENT or prescription_gy is None else value * prescription_gy / 100

    if constraint.quantity is Quantity.DOSE_AT_VOLUME and constraint.at_unit is Unit.PERCENT:
        dose, volume = gray(constraint.limit, constraint.unit), constraint.at
    elif constraint.quantity is Quantity.VOLUME_AT_DOSE and constraint.unit is Unit.PERCENT:
        dose, volume = gray(constraint.at or 0.0, constraint.at_unit), constraint.limit
    elif constraint.quantity is Quantity.MAX:
        dose, volume = gray(constraint.limit, constraint.unit), 0.0
    else:
        return None
    return None if dose is None or volume is None or not 0 <= volume <= 100 else (dose, volume)
