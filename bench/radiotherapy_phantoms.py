"""Which goals of AAPM's Task Group 119 deliverable plans reach on phantoms like its own, and in how many seconds.

Each plan goes the whole way of `tianfu rt plan` but for its files: contours, beamlets, fluence, segments, their leaves,
monitor units and the dose of apertures, by the template that comes with the program; goals are those of the shipped
protocols, read from the histograms that `tianfu rt dvh` tells.  Phantoms are drawn (`demo.radiotherapy.task_group`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from demo.radiotherapy.objects import Making, contoured_values_of
from demo.radiotherapy.task_group import TASK_GROUP_PHANTOMS, TaskGroupPhantom

from bench.radiotherapy_tg119 import TG119_TABLE
from bench.saying import say
from tianfu.apps.radiotherapy.model.contouring.reviews import accepted_by
from tianfu.apps.radiotherapy.model.dvh import dose_volume_histogram
from tianfu.apps.radiotherapy.model.machines.machines import Machine
from tianfu.apps.radiotherapy.model.planning.steps import Planned, PlanTask, nothing_kept, planned
from tianfu.apps.radiotherapy.model.scorecards import ScoreLine, Verdict, scorecard
from tianfu.apps.radiotherapy.model.shapes import shape_of
from tianfu.apps.radiotherapy.protocols import shipped_protocols
from tianfu.apps.radiotherapy.queries.planning import PlanBase, plan_base_of
from tianfu.apps.radiotherapy.templates import shipped_templates
from tianfu.standards.dicom.cases import Case

Result = dict[str, object]

DRAWN_AT = datetime(2026, 3, 3, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Reached:
    """What became of a phantom's goals; `seconds` are from contours to final dose, kernels compiled or not."""

    name: str
    lines: tuple[ScoreLine, ...]
    seconds: float
    segments: int
    fraction_mu: float

    @property
    def is_met(self) -> bool:
        """Whether all goals are."""
        return all(line.verdict is Verdict.MET for line in self.lines)


def phantom_names() -> tuple[str, ...]:
    """What their keys begin with, each with whether all its goals are met."""
    return tuple(f"{_key(phantom)}_goals_met" for phantom in TASK_GROUP_PHANTOMS)


def phantom_keys(machine: Machine) -> Result:
    """Goals, what was reached, met or not and seconds, by phantom."""
    result: Result = {}
    for phantom in TASK_GROUP_PHANTOMS:
        say(f"plan of {phantom.name}")
        result |= _told(_key(phantom), reached_on(phantom, machine))
    return result


def _key(phantom: TaskGroupPhantom) -> str:
    return f"phantom_{phantom.name.removeprefix('tg119-').replace('-', '_')}"


def reached_on(phantom: TaskGroupPhantom, machine: Machine) -> Reached:
    """Plan a phantom by its template and judge it by its protocol."""
    case = case_of(phantom)
    wish = shipped_templates()[phantom.name]
    began = time.perf_counter()
    base = plan_base_of(case, wish, TG119_TABLE)
    task = PlanTask(wish=wish, machine=machine, table=TG119_TABLE, subject=base.subject, heard=lambda _: True)
    made = planned(task, kept=nothing_kept(task))
    seconds = time.perf_counter() - began
    return Reached(
        name=phantom.name,
        lines=tuple(_lines(phantom, base, made)),
        seconds=seconds,
        segments=sum(len(part.segments) for part in made.parts),
        fraction_mu=sum(part.mu for part in made.parts),
    )


def case_of(phantom: TaskGroupPhantom) -> Case:
    """The phantom's images and contours, as if a person had accepted them."""
    made = contoured_values_of(phantom.made(), Making(seed=1))
    (drawn,) = made.structure_sets
    accepted = tuple(accepted_by(one, person="Wang^Fang", at=DRAWN_AT) for one in drawn.structures)
    return Case(images=made.images, structure_sets=(replace(drawn, structures=accepted),))


def _lines(phantom: TaskGroupPhantom, base: PlanBase, made: Planned) -> Sequence[ScoreLine]:
    image = base.images.volume.grid
    histograms = {
        name: dose_volume_histogram(
            shape_of(structure, image), image, made.dose, slice_thickness_mm=float(image.spacing[2])
        )
        for name, structure in base.structures.items()
    }
    return scorecard(shipped_protocols()[phantom.name], histograms, prescription_gy=None)


def _told(key: str, reached: Reached) -> Result:
    return {
        f"{key}_goals_met": reached.is_met,
        f"{key}_goals": [
            {
                "structure": line.goal.structure,
                "goal": line.goal.goal,
                "reached_gy": None if line.reached is None else round(line.reached, 2),
                "met": line.verdict is Verdict.MET,
            }
            for line in reached.lines
        ],
        f"{key}_seconds": round(reached.seconds, 1),
        f"{key}_segments": reached.segments,
        f"{key}_fraction_mu": round(reached.fraction_mu, 1),
    }
