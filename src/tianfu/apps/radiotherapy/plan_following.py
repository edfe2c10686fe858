"""What the page of a plan in the making shows: its stages, and figures of the curves for those who see no drawing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from tianfu.apps.radiotherapy.plan_progress import MovingCurve, PlanProgress

SECOND_DOSE: Final = "second-dose"

STAGES: Final = (
    "reading",
    "beamlets",
    "regions",
    "influence",
    "fluence",
    "segments",
    "refined",
    "normalised",
    "dose",
    SECOND_DOSE,
    "checks",
    "judging",
)
"""In the order in which a plan that was never broken off has them; names are those of `planning.steps`."""

PERCENTS: Final = (95, 50, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage, and how it stands with it: `done`, `now` or `later`."""

    name: str
    stands: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveRow:
    """A curve as numbers: doses to so much of the volume, by PERCENTS."""

    structure: str
    doses_gy: tuple[float, ...]
    mean_gy: float
    highest_gy: float


def stages_of(progress: PlanProgress | None, *, has_second: bool) -> tuple[Stage, ...]:
    """All stages of a plan; a work that goes on after a break has some done that follow what it does now."""
    names = [name for name in STAGES if name != SECOND_DOSE or has_second]
    now = names.index(progress.step) if progress is not None and progress.step in names else -1
    kept: Collection[str] = () if progress is None else progress.finished
    return tuple(Stage(name=name, stands=_stands(place, now, name in kept)) for place, name in enumerate(names))


def _stands(place: int, now: int, is_kept: bool) -> str:
    if place == now:
        return "now"
    return "done" if is_kept or place < now else "later"


def curve_row(curve: MovingCurve, top_gy: float) -> CurveRow:
    """The figures of a curve."""
    return CurveRow(
        structure=curve.structure,
        doses_gy=tuple(dose_at(curve, percent, top_gy) for percent in PERCENTS),
        mean_gy=curve.mean_gy,
        highest_gy=curve.highest_gy,
    )


def dose_at(curve: MovingCurve, percent: float, top_gy: float) -> float:
    """What so much of the volume gets at least, between the points of the curve in a straight line."""
    step = top_gy / (len(curve.percents) - 1)
    for place, (here, after) in enumerate(zip(curve.percents, curve.percents[1:], strict=False)):
        if here >= percent > after:
            return (place + (here - percent) / (here - after)) * step
    return 0.0 if curve.percents[0] < percent else top_gy
