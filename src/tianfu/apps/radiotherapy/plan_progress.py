"""What is seen of a plan while it is made: the step, what the objective is worth, and curves that move.

Not cleared for clinical use: these are figures of an unfinished optimisation, by voxels.
"""

from __future__ import annotations

import msgspec

from tianfu.apps.radiotherapy.results import NOT_CLEARED
from tianfu.services.jobs.doing import LATEST_BYTES_MAX
from tianfu.services.jobs.works import Work

CURVES_MOST = 12
"""So many structures are followed; those of the prescription and the targets come first. [ours]"""

POINTS = 101
"""Of a curve: one for each percent of its highest dose. [ours]"""

EVERY_SECONDS = 1.0
"""Curves are computed no more often, but for the last iteration of a step. [ours]"""

NAME_MOST = 64
"""Characters of a structure's name that are told."""


class MovingCurve(msgspec.Struct, frozen=True, kw_only=True):
    """A structure's curve: `percents[i]` of its volume get at least `i` hundredths of `PlanProgress.top_gy`.

    `role` is `target` for what is prescribed to or aimed at, else `organ`.  `highest_gy` and `mean_gy` are of its
    voxels.
    """

    structure: str
    role: str
    mean_gy: float
    highest_gy: float
    percents: tuple[float, ...]


class PlanProgress(msgspec.Struct, frozen=True, kw_only=True):
    """The latest that is known of a plan in the making.

    `step` is a StepName of `planning.steps` (or `reading` or `judging`); `done` are its iterations, fields or parts of
    `total`, None if nobody knows how many there will be; `objective` is that of the latest iteration, and `iteration`
    its number within `of_step`, the step whose iteration the curves show.  Curves stay as they were while later steps
    run; there are none before the first iteration.  `finished` are the steps that are kept.  `level` of `levels` is at
    hand where goals are served in their order; each has iterations of its own.
    """

    notice: str = NOT_CLEARED
    step: str
    done: int
    total: int | None
    objective: float | None = None
    of_step: str | None = None
    iteration: int | None = None
    level: int | None = None
    levels: int | None = None
    prescribed_gy: float
    prescribed_structure: str
    top_gy: float = 0.0
    curves: tuple[MovingCurve, ...] = ()
    finished: tuple[str, ...] = ()


def progress_of(work: Work) -> PlanProgress | None:
    """What a running plan shows of itself; None before it has told anything, and once it has ended."""
    return None if not work.latest else msgspec.json.decode(work.latest, type=PlanProgress)


def progress_text(progress: PlanProgress) -> str:
    """The same as it is kept with the work; without curves if there is no room for them."""
    whole = msgspec.json.encode(progress)
    if len(whole) > LATEST_BYTES_MAX:
        whole = msgspec.json.encode(msgspec.structs.replace(progress, curves=()))
    return whole.decode()
