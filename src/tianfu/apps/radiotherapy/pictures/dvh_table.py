"""The same histograms as rows of numbers, for those who read with their ears and those who want to know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tianfu.apps.radiotherapy.model.dvh_figures import dose_at_percent, volume_at_dose_percent
from tianfu.apps.radiotherapy.pictures.dvh_plot import DvhCurve, DvhGoal, dvh_space
from tianfu.apps.radiotherapy.pictures.scales import Layout, ticks
from tianfu.kernel.refusal import Refusal


@dataclass(frozen=True, kw_only=True)
class DvhRow:
    """A curve: `percents` are the volumes that get at least each dose of the table.

    `outside_percent` of the structure lies beyond the dose grid; all other figures are of the rest.
    """

    name: str
    series: int
    is_second: bool
    volume_cc: float
    percents: tuple[float, ...]
    lowest_gy: float
    d98_gy: float
    mean_gy: float
    d2_gy: float
    highest_gy: float
    outside_percent: float


@dataclass(frozen=True, kw_only=True)
class DvhTable:
    """A row for each curve in order; `doses_gy` are the ticks of the plot's dose axis."""

    doses_gy: tuple[float, ...]
    rows: tuple[DvhRow, ...]


def dvh_table(curves: Sequence[DvhCurve], goals: Sequence[DvhGoal], *, layout: Layout) -> DvhTable:
    """The table that says what the plot of these shows; raises Refusal `dvh-plot-empty`."""
    if not curves:
        raise Refusal("dvh-plot-empty")
    doses = ticks(dvh_space(curves, goals, layout=layout).end_gy, at_most=layout.ticks_max)
    return DvhTable(doses_gy=tuple(doses), rows=tuple(_row(curve, doses) for curve in curves))


def _row(curve: DvhCurve, doses: Sequence[float]) -> DvhRow:
    dvh = curve.dvh
    return DvhRow(
        name=curve.name,
        series=curve.series,
        is_second=curve.is_second,
        volume_cc=dvh.volume_cc,
        percents=tuple(volume_at_dose_percent(dvh, dose) for dose in doses),
        lowest_gy=dvh.min_gy,
        d98_gy=dose_at_percent(dvh, 98),
        mean_gy=dvh.mean_gy,
        d2_gy=dose_at_percent(dvh, 2),
        highest_gy=dvh.max_gy,
        outside_percent=100 * dvh.outside_share,
    )
