"""Hears of a plan in the making: keeps what steps leave, tells how far it is, and ends it once nobody wants it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from tianfu.apps.radiotherapy.model.optimisation.fluence import Step
from tianfu.apps.radiotherapy.model.planning.following import Follower
from tianfu.apps.radiotherapy.model.planning.steps import Told
from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish
from tianfu.apps.radiotherapy.plan_parts import PlanParts
from tianfu.apps.radiotherapy.plan_progress import (
    EVERY_SECONDS,
    NAME_MOST,
    MovingCurve,
    PlanProgress,
    progress_text,
)


@dataclass(kw_only=True, eq=False)
class Watching:
    """Told of everything by the planning; whoever gave the work up ends it at the next word.

    `seconds` is a clock that only grows.
    """

    wish: PlanWish
    parts: PlanParts
    follower: Follower
    seconds: Callable[[], float]
    _shown: PlanProgress = field(init=False)
    _shown_at: float = field(init=False, default=float("-inf"))
    _drawn_at: float = field(init=False, default=float("-inf"))
    _undrawn: Step | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Begin with nothing to see."""
        prescription = self.wish.prescription
        self._shown = PlanProgress(
            step="",
            done=0,
            total=None,
            prescribed_gy=prescription.dose_gy,
            prescribed_structure=prescription.structure[:NAME_MOST],
        )

    def heard(self, told: Told) -> bool:
        """As `planning.steps.Heard`; raises GivenUp instead of a no."""
        if told.kept is not None:
            # Whoever is stopped keeps nothing any more: there may be nobody to write it.
            self.parts.doing.progress(told.step.value, 0, 1)
            self.parts.keep(told.step, told.kept)
        if told.latest is not None:
            self._undrawn = told.latest
        is_new = told.step != self._shown.step or told.is_done or _begins_level(told, self._shown)
        self._shown = msgspec.structs.replace(
            self._shown,
            step=told.step.value,
            done=told.done,
            total=told.total,
            objective=told.objective if told.objective is not None else self._shown.objective,
            level=told.level.number if told.level is not None else None,
            levels=told.level.count if told.level is not None else None,
        )
        self._draw(told, is_due=told.is_done or self.seconds() - self._drawn_at >= EVERY_SECONDS)
        self._tell(is_new=is_new)
        return True

    def judging(self, done: int, total: int) -> None:
        """The doses are judged in all structures."""
        is_new = self._shown.step != "judging"
        self._shown = msgspec.structs.replace(self._shown, step="judging", done=done, total=total)
        self._tell(is_new=is_new)

    def _draw(self, told: Told, *, is_due: bool) -> None:
        """Make curves of the latest iteration that has none yet."""
        if self._undrawn is None or not is_due:
            return
        found = self.follower.curves(self._undrawn)
        self._shown = msgspec.structs.replace(
            self._shown,
            of_step=told.step.value,
            iteration=self._undrawn.iteration,
            top_gy=found.top_gy,
            curves=tuple(
                MovingCurve(
                    structure=each.structure[:NAME_MOST],
                    role=each.role,
                    mean_gy=each.mean_gy,
                    highest_gy=each.highest_gy,
                    percents=each.percents,
                )
                for each in found.curves
            ),
        )
        self._undrawn, self._drawn_at, self._shown_at = None, self.seconds(), float("-inf")

    def _tell(self, *, is_new: bool) -> None:
        shown = self._shown
        total = shown.total if shown.total is not None else shown.done + 1
        is_due = is_new or self.seconds() - self._shown_at >= EVERY_SECONDS
        if is_due:
            shown = msgspec.structs.replace(shown, finished=tuple(map(str, self.parts.finished)))
            self._shown_at = self.seconds()
        self.parts.doing.progress(shown.step, shown.done, total, latest=progress_text(shown) if is_due else None)


def _begins_level(told: Told, shown: PlanProgress) -> bool:
    return told.level is not None and told.level.number != shown.level
