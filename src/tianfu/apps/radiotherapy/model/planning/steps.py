"""The way from a wish to a plan, step by step: what each gives is kept, so that a work goes on after the last one.

The same wish, machine and patient give the same plan, bit for bit on one processor, wherever it was broken off.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

import msgspec
import numpy as np

from tianfu.apps.radiotherapy.model.machines.collimators import turns_to
from tianfu.apps.radiotherapy.model.machines.machines import Machine
from tianfu.apps.radiotherapy.model.machines.writing import fingerprint_of
from tianfu.apps.radiotherapy.model.optimisation.apertures import Delivery, FieldSegments
from tianfu.apps.radiotherapy.model.optimisation.direct_apertures import Moves, Refinement, refined
from tianfu.apps.radiotherapy.model.optimisation.fluence import Optimised, Step, even_start, optimise
from tianfu.apps.radiotherapy.model.optimisation.fluence import Settings as Stop
from tianfu.apps.radiotherapy.model.optimisation.fused import Problem
from tianfu.apps.radiotherapy.model.optimisation.goals import Level, Line, Ordered, Wanted, in_order
from tianfu.apps.radiotherapy.model.optimisation.objectives import MinimumDose
from tianfu.apps.radiotherapy.model.optimisation.regions import Region, Rows, needed_rows, on_rows
from tianfu.apps.radiotherapy.model.optimisation.sequencing import sequenced
from tianfu.apps.radiotherapy.model.planning.engines import Engine, Given, fraction_dose, refuse_unless_engine
from tianfu.apps.radiotherapy.model.planning.gaps import with_gaps, with_open_jaws
from tianfu.apps.radiotherapy.model.planning.kept import Kept
from tianfu.apps.radiotherapy.model.planning.normalising import normalised
from tianfu.apps.radiotherapy.model.planning.ordering import are_of, drawn_lines, last_level, wanted_of
from tianfu.apps.radiotherapy.model.planning.regions import (
    objectives_of,
    refuse_unless_reachable,
    regions_of,
    to_surface,
)
from tianfu.apps.radiotherapy.model.planning.subjects import Subject
from tianfu.apps.radiotherapy.model.planning.wishes import Computation, PlanWish
from tianfu.apps.radiotherapy.model.transport.beamlets import beamlets_over
from tianfu.apps.radiotherapy.model.transport.density_tables import DensityTable, fingerprint_of_table
from tianfu.apps.radiotherapy.model.transport.fields import Beamlets, Field
from tianfu.apps.radiotherapy.model.transport.influence import Influence
from tianfu.apps.radiotherapy.model.transport.pencil_beam import Settings, influence
from tianfu.apps.radiotherapy.model.transport.tracing import Resolution
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats, Volume

ISOCENTRE_DIGITS = 1
"""Tenths of a millimetre: finer shifts cannot be set at a couch. [ours]"""


KEPT_OF_ANOTHER = "plan-kept-of-another"


class StepName(StrEnum):
    """The steps in their order."""

    BEAMLETS = "beamlets"
    REGIONS = "regions"
    INFLUENCE = "influence"
    FLUENCE = "fluence"
    SEGMENTS = "segments"
    REFINED = "refined"
    NORMALISED = "normalised"
    DOSE = "dose"
    SECOND_DOSE = "second-dose"
    CHECKS = "checks"


@dataclass(frozen=True, kw_only=True, eq=False)
class Told:
    """What is heard of a plan that is being made.

    `kept` is there when a step has ended whose result is worth keeping; `done` are iterations or fields, of `total` if
    that is known.  `latest` has the doses of an iteration, for histograms that move; its rows count the body's voxels.
    `level` is the one at hand, where goals are served in their order.
    """

    step: StepName
    is_done: bool = False
    done: int = 0
    total: int | None = None
    objective: float | None = None
    latest: Step | None = None
    level: Level | None = None
    kept: Kept | None = None


Heard = Callable[[Told], bool]
"""Told of everything; False ends the work with Refusal `plan-cancelled`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PlanTask:
    """What is to be planned, for whom, on which machine, and who hears of it.

    `table` is the density table by which the subject's density was made.
    """

    wish: PlanWish
    machine: Machine
    table: DensityTable
    subject: Subject
    heard: Heard

    @cached_property
    def fingerprint(self) -> str:
        """Of everything that the plan follows from."""
        things = (fingerprint_of(self.machine), fingerprint_of_table(self.table), self.subject.fingerprint)
        parts = (msgspec.json.encode(self.wish), *(each.encode() for each in things))
        return hashlib.sha256(b"\0".join(parts)).hexdigest()


@dataclass(frozen=True, kw_only=True, eq=False)
class Planned:
    """A plan before it is DICOM.

    `parts` have the monitor units of a fraction; `dose` is that of all fractions in gray, `second` the same by the
    second engine, if one was wished.  `reached_gy` is what the prescription's volume gets.  `is_converged` is False for
    a fluence that ended at the most iterations, and might have become better.  `lines` say what the fluence made of
    goals in their order, by voxels, before leaves formed it.
    """

    fields: tuple[Field, ...]
    parts: tuple[FieldSegments, ...]
    dose: Volume[np.float32]
    second: Volume[np.float32] | None
    reached_gy: float
    is_converged: bool
    lines: tuple[Line, ...]

    @property
    def fields_without_segments(self) -> tuple[int, ...]:
        """The numbers of fields that were wished and give nothing."""
        giving = {part.field for part in self.parts if part.segments}
        return tuple(field.number for place, field in enumerate(self.fields) if place not in giving)


def nothing_kept(task: PlanTask) -> Kept:
    """The beginning."""
    return Kept(of=task.fingerprint)


def planned(task: PlanTask, *, kept: Kept) -> Planned:
    """Make the plan, from what is kept on.

    Raises Refusal `plan-kept-of-another` if that is of another wish, machine or patient, `plan-cancelled`, and whatever
    its steps refuse.
    """
    refuse_other_machine(task.wish, task.machine)
    if task.wish.computation.second is not None:
        refuse_unless_engine(task.wish.computation.second, task.machine)
    if kept.of != task.fingerprint or not _fits(kept, task):
        raise Refusal(KEPT_OF_ANOTHER)
    chain = _Chain(task=task)
    for step, work in (
        (StepName.FLUENCE, chain.weights),
        (StepName.SEGMENTS, chain.segments),
        (StepName.REFINED, chain.refined),
        (StepName.NORMALISED, chain.normalised),
    ):
        kept = _after(step, kept, task, work)
    parts = kept.normalised or ()
    dose = chain.dose(StepName.DOSE, parts)
    second = None
    if task.wish.computation.second is not None:
        second = chain.course(StepName.SECOND_DOSE, parts, engine=task.wish.computation.second)
    return Planned(
        fields=chain.fields,
        parts=parts,
        dose=dose,
        second=second,
        reached_gy=chain.reached_gy(dose),
        is_converged=bool(kept.is_converged),
        lines=kept.lines or (),
    )


def refuse_other_machine(wish: PlanWish, machine: Machine) -> None:
    """Raise Refusal `plan-machine-differs`, `plan-angle-beyond-machine` or `plan-dose-rate-not-of-machine`."""
    if (wish.machine.name, wish.machine.version) != (machine.name, machine.version):
        wanted = f"{wish.machine.name} {wish.machine.version}"
        raise Refusal("plan-machine-differs", details={**machine.named, "wanted": wanted})
    for number, field in enumerate(wish.fields, start=1):
        for name in ("collimator_degrees", "couch_degrees"):
            if not turns_to(getattr(machine.limits, name), getattr(field, name)):
                told = {"field": str(number), "degrees": f"{getattr(field, name):g}"}
                raise Refusal("plan-angle-beyond-machine", details=told)
    if wish.dose_rate_mu_per_min not in machine.limits.dose_rates:
        rates = ", ".join(f"{rate:g}" for rate in machine.limits.dose_rates)
        raise Refusal(
            "plan-dose-rate-not-of-machine", details={"rate": f"{wish.dose_rate_mu_per_min:g}", "rates": rates}
        )


def fields_of(wish: PlanWish, subject: Subject) -> tuple[Field, ...]:
    """The fields of a wish about its isocentre, numbered from 1.

    Raises Refusal `beamlets-no-target` if no target has a voxel of the dose.
    """
    isocentre = wish.isocentre
    if isinstance(isocentre, str):
        points = subject.points(wish.targets)
        if not len(points):
            raise Refusal("beamlets-no-target")
        place = points.mean(axis=0)
    else:
        place = np.array(isocentre, np.float64)
    return tuple(
        Field(
            number=number,
            isocentre=np.round(place, ISOCENTRE_DIGITS) + 0.0,
            gantry_degrees=field.gantry_degrees,
            collimator_degrees=field.collimator_degrees,
            couch_degrees=field.couch_degrees,
        )
        for number, field in enumerate(wish.fields, start=1)
    )


def traced_by(computation: Computation, machine: Machine) -> Settings:
    """How the pencil beam computes."""
    return Settings(
        gy_per_mu=machine.calibration.gy_per_mu,
        lateral_cut_off_mm=computation.lateral_cut_off_mm,
        surface_density=computation.surface_density,
        resolution=Resolution(ray_mm=computation.ray_mm, step_mm=computation.step_mm),
    )


def _after(step: StepName, kept: Kept, task: PlanTask, work: Callable[[Kept], object]) -> Kept:
    """What is kept after a step that may have been done before."""
    name = "weights" if step is StepName.FLUENCE else str(step)
    if getattr(kept, name) is not None:
        return kept
    tell(task.heard, Told(step=step))
    kept = _with_result(name, kept, work(kept))
    tell(task.heard, Told(step=step, is_done=True, kept=kept))
    return kept


def _with_result(name: str, kept: Kept, result: object) -> Kept:
    if isinstance(result, Optimised):
        return replace(kept, weights=result.weights, is_converged=result.is_converged)
    if isinstance(result, Ordered):
        lines = drawn_lines(result.lines)
        return replace(kept, weights=result.weights, is_converged=result.is_converged, lines=lines)
    return replace(kept, **{name: result})  # type: ignore[arg-type]  # each step gives what its name keeps


def _fits(kept: Kept, task: PlanTask) -> bool:
    """Whether what is kept speaks of the machine's leaves and the wish's fields and goals: it may be damaged."""
    if kept.weights is not None and not are_of(kept.lines, task.wish):
        return False
    pairs, fields = task.machine.leaves.pairs, len(task.wish.fields)
    all_parts = [part for parts in (kept.segments, kept.refined, kept.normalised) for part in parts or ()]
    leaves = [
        leaves for part in all_parts for segment in part.segments for leaves in (segment.first_mm, segment.second_mm)
    ]
    return all(0 <= part.field < fields for part in all_parts) and all(one.shape == (pairs,) for one in leaves)


def tell(heard: Heard, told: Told) -> None:
    """Raise Refusal `plan-cancelled` if whoever hears wishes the end."""
    if not heard(told):
        raise Refusal("plan-cancelled", details={"step": str(told.step)})


@dataclass(kw_only=True, eq=False)
class _Chain:
    """The work of each step, and what none of them keeps: the influence and the latest dose."""

    task: PlanTask
    latest: tuple[tuple[FieldSegments, ...], Volume[np.float32]] | None = None

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The fields of the wish."""
        return fields_of(self.task.wish, self.task.subject)

    @cached_property
    def settings(self) -> Settings:
        """How dose is computed."""
        return traced_by(self.task.wish.computation, self.task.machine)

    @cached_property
    def delivery(self) -> Delivery:
        """What the machine can give."""
        return Delivery(leaves=self.task.machine.leaves, limits=self.task.machine.limits)

    @cached_property
    def beamlets(self) -> Beamlets:
        """Those through which fields see the targets with their margin."""
        wish, subject = self.task.wish, self.task.subject
        self._tell(StepName.BEAMLETS)
        found = beamlets_over(
            subject.points(wish.targets),
            self.fields,
            size_mm=wish.beamlet_mm,
            # Voxels stand for what is around them.
            margin_mm=wish.margin_mm + float(subject.grid.spacing.max()) / 2,
            axis_mm=self.task.machine.beam.axis_mm,
        )
        self._tell(StepName.BEAMLETS, is_done=True, done=found.count)
        return found

    @cached_property
    def regions(self) -> Mapping[str, Region]:
        """What objectives speak of, in rows of the body's voxels."""
        self._tell(StepName.REGIONS)
        regions = regions_of(self.task.wish, self.task.subject)
        refuse_unless_reachable(self.task.wish, self.task.subject, regions)
        self._tell(StepName.REGIONS, is_done=True)
        return regions

    @cached_property
    def rows(self) -> Rows:
        """Those of the body's voxels that any objective asks about: doses of others are not sought."""
        return needed_rows(self.regions)

    @cached_property
    def influence(self) -> Influence:
        """What beamlets give to them."""
        beamlets, rows = self.beamlets, self.rows
        self._tell(StepName.INFLUENCE)
        subject = self.task.subject
        wanted = replace(subject.wanted, voxels=subject.wanted.voxels[rows])
        found = influence(
            subject.density,
            self.task.machine.beam,
            beamlets,
            wanted,
            self.settings,
            counted=lambda done, total: self._tell(StepName.INFLUENCE, done=done, total=total),
        )
        self._tell(StepName.INFLUENCE, is_done=True)
        return found

    @cached_property
    def weighed(self) -> Problem:
        """All objectives at once, as their weights have them; goals in their order are beside them."""
        wish = self.task.wish
        return Problem(
            influence=self.influence,
            objectives=objectives_of(wish, self.task.subject),
            regions=on_rows(self.regions, self.rows),
            fractions=wish.prescription.fractions,
        )

    @cached_property
    def wanted(self) -> Wanted:
        """The goals that are served in their order."""
        return wanted_of(self.task.wish, self.task.subject, self.weighed)

    def aimed_at(self, kept: Kept) -> Problem:
        """What segments are bettered for: the objectives, or what the last level of the goals in their order asked."""
        asked = self.task.wish.in_order
        if asked is None:
            return self.weighed
        return last_level(self.wanted, kept.lines or (), asked.holding.holding)

    def weights(self, _kept: Kept) -> Optimised | Ordered:
        """The beamlets' monitor units, and whether they came to rest."""
        how, asked = self.task.wish.optimisation, self.task.wish.in_order
        stop = Stop(
            iterations_most=how.fluence.iterations_most,
            change_least=how.fluence.change_least,
            smoothing=how.smoothing,
        )
        start, most = self.start(), how.fluence.iterations_most
        if asked is None:
            return optimise(self.weighed, start=start, settings=stop, heard=self._hearing(StepName.FLUENCE, most))

        def heard(level: Level, step: Step) -> bool:
            return self._hearing(StepName.FLUENCE, most, level)(step)

        return in_order(self.wanted, start=start, holding=asked.holding.holding, settings=stop, heard=heard)

    def start(self) -> Floats:
        """The same for all beamlets, with the prescribed dose in the middle of its target's doses."""
        target, dose_gy = self.task.wish.prescription.structure, self.task.wish.prescription.dose_gy
        if target not in self.weighed.regions:
            target = to_surface(target)
        asked = replace(self.weighed, objectives=(MinimumDose(structure=target, weight=1.0, dose_gy=dose_gy),))
        return even_start(asked, structure=target, dose_gy=dose_gy)

    def segments(self, kept: Kept) -> tuple[FieldSegments, ...]:
        """What leaves can form of them."""
        weights = np.zeros(0) if kept.weights is None else kept.weights
        if weights.shape != (self.beamlets.count,):
            raise Refusal(KEPT_OF_ANOTHER)
        return sequenced(self.beamlets, weights, self.delivery, levels=self.task.wish.optimisation.levels)

    def refined(self, kept: Kept) -> tuple[FieldSegments, ...]:
        """The same with better units and leaves, and gaps where the machine wants them."""
        how = self.task.wish.optimisation
        task = Refinement(
            problem=self.aimed_at(kept),
            delivery=self.delivery,
            moves=Moves(rounds=how.rounds, farthest_mm=how.farthest_mm),
            settings=Stop(
                iterations_most=how.apertures.iterations_most,
                change_least=how.apertures.change_least,
                smoothing=0.0,
            ),
            heard=self._hearing(StepName.REFINED, None),
        )
        parts = with_gaps(refined(task, kept.segments or ()).parts, self.task.machine.leaves)
        return _rounded(with_open_jaws(parts, self.task.machine.jaws))

    def normalised(self, kept: Kept) -> tuple[FieldSegments, ...]:
        """The same with the units of the prescription."""
        return normalised(
            kept.refined or (),
            self.task.machine.limits,
            lambda parts: self.reached_gy(self.dose(StepName.NORMALISED, parts)),
            wanted_gy=self.task.wish.prescription.dose_gy,
        )

    def dose(self, step: StepName, parts: tuple[FieldSegments, ...]) -> Volume[np.float32]:
        """The dose of all fractions by apertures, computed once for the same segments."""
        if self.latest is None or self.latest[0] is not parts:
            self.latest = (parts, self.course(step, parts, engine="pencil-beam"))
        else:
            self._tell(step)
        return self.latest[1]

    def course(self, step: StepName, parts: tuple[FieldSegments, ...], *, engine: Engine) -> Volume[np.float32]:
        """The dose of all fractions by an engine."""
        self._tell(step, total=len(parts))
        given = Given(parts=parts, fields=self.fields, machine=self.task.machine, settings=self.settings)
        once = fraction_dose(
            given,
            self.task.subject,
            engine=engine,
            counted=lambda done, total: self._tell(step, done=done, total=total),
        )
        times = np.float32(self.task.wish.prescription.fractions)
        return Volume(grid=once.grid, values=once.values * times)

    def reached_gy(self, dose: Volume[np.float32]) -> float:
        """What the prescription's volume gets."""
        percent = self.task.wish.prescription.volume_percent
        return self.task.subject.target.dose_gy(dose, volume_percent=percent)

    def _hearing(self, step: StepName, total: int | None, level: Level | None = None) -> Callable[[Step], bool]:
        def heard(latest: Step) -> bool:
            latest = replace(latest, rows=self.rows[latest.rows])
            told = Told(step=step, done=latest.iteration, total=total, objective=latest.objective, latest=latest)
            tell(self.task.heard, replace(told, level=level))
            return True

        return heard

    def _tell(self, step: StepName, *, is_done: bool = False, done: int = 0, total: int | None = None) -> None:
        tell(self.task.heard, Told(step=step, is_done=is_done, done=done, total=total))


def _rounded(parts: tuple[FieldSegments, ...]) -> tuple[FieldSegments, ...]:
    """Positions and units as DICOM's decimal strings hold them: whole multiples of a machine's steps are no floats."""
    digits = 6
    return tuple(
        replace(
            part,
            segments=tuple(
                replace(
                    segment,
                    first_mm=np.round(segment.first_mm, digits) + 0.0,
                    second_mm=np.round(segment.second_mm, digits) + 0.0,
                    mu=round(segment.mu, digits),
                )
                for segment in part.segments
            ),
        )
        for part in parts
    )
