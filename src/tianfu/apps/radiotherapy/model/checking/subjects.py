"""What rules are given: the objects of a case, and the machine and the protocol if somebody chose them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import ceil
from typing import Any, TypeVar

import numpy as np

from tianfu.apps.radiotherapy.model.checking.rules import NotJudgedError
from tianfu.apps.radiotherapy.model.machines.collimators import Jaws, Leaves, Limits
from tianfu.apps.radiotherapy.model.machines.machines import Machine
from tianfu.apps.radiotherapy.model.masks import in_grid, mask_of
from tianfu.apps.radiotherapy.model.protocols import Protocol
from tianfu.apps.radiotherapy.model.scanlines import Bools
from tianfu.apps.radiotherapy.model.shapes import CLOSED, Shape, shape_of
from tianfu.apps.radiotherapy.model.volumes import centre_of_mass, volume_ml
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.beams import SETUP, Beam
from tianfu.standards.dicom.cases import Case
from tianfu.standards.dicom.doses import Dose
from tianfu.standards.dicom.grids import Floats, Grid, Volume
from tianfu.standards.dicom.images import ImageSeries
from tianfu.standards.dicom.plans import DoseReference, FractionBeam, FractionGroup, Plan
from tianfu.standards.dicom.structure_sets import StructureSet
from tianfu.standards.dicom.structures import Structure
from tianfu.standards.dicom.treatments import Treatment

TARGET_KINDS = frozenset({"PTV", "CTV", "GTV", "ITV"})
ORGAN_KINDS = frozenset({"ORGAN", "AVOIDANCE"})

Wanted = Callable[[Structure], bool]
Value = TypeVar("Value")

LOOKED_AT_MM = 2.0
"""Structures are held against each other on pixels no finer than this: rules look for centimetres. [ours]"""


@dataclass(frozen=True, kw_only=True)
class MachineLimits:
    """What one machine can do; `name` is as plans call it, empty if they may call it anything."""

    name: str
    jaws: tuple[Jaws, ...]
    leaves: Leaves
    limits: Limits


def machine_limits_of(machine: Machine) -> MachineLimits:
    """What rules ask of a machine."""
    return MachineLimits(name=machine.name, jaws=machine.jaws, leaves=machine.leaves, limits=machine.limits)


class Found:
    """What was computed of a case's objects, so that none of it is computed twice of the very same objects.

    They are held with it: nothing else can have their identity meanwhile.
    """

    def __init__(self, before: Found | None = None) -> None:
        """Begin with what was found before, of a case that has some objects in common; nothing is added to that."""
        self._values: dict[tuple[object, ...], tuple[Any, tuple[object, ...]]] = {}
        if before is not None:
            self._values |= before._values

    def once(self, what: str, of: tuple[object, ...], compute: Callable[[], Value]) -> Value:
        """What is computed of these objects and nothing else, which nobody changes."""
        key = (what, *map(id, of))
        if key not in self._values:
            self._values[key] = (compute(), of)
        value: Value = self._values[key][0]
        return value


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A read case, with one plan of it; every property raises NotJudgedError where the case has no such thing.

    `recomputed_given` is the plan's dose in gray of all fractions as an engine computed it anew, if one was asked to.
    `found` is what is computed once of the case's objects.
    """

    case: Case
    chosen: Plan | None
    limits_given: MachineLimits | None
    protocol_given: Protocol | None
    recomputed_given: Volume[np.float32] | None = None
    found: Found = field(default_factory=Found, repr=False, compare=False)

    @property
    def plan(self) -> Plan:
        """The plan that is looked over."""
        if self.chosen is None:
            raise NotJudgedError("no-plan")
        return self.chosen

    @property
    def machine(self) -> MachineLimits:
        """The machine that was chosen: none is taken silently."""
        if self.limits_given is None:
            raise NotJudgedError("no-machine")
        return self.limits_given

    @property
    def protocol(self) -> Protocol:
        """The protocol that was chosen."""
        if self.protocol_given is None:
            raise NotJudgedError("no-protocol")
        return self.protocol_given

    @property
    def structure_set(self) -> StructureSet:
        """The plan's structure set; without a plan the only one."""
        sets = self.case.structure_sets
        if self.chosen is not None:
            sets = tuple(each for each in sets if each.instance == self.chosen.structure_set)
        if not sets:
            raise NotJudgedError("no-structures")
        return sets[0]

    @cached_property
    def images(self) -> ImageSeries:
        """The CT on which the structure set was drawn."""
        named = {images.series for images in self.structure_set.images}
        drawn = [each for each in self.case.images if not named or each.header.series.uid in named]
        if not drawn:
            raise NotJudgedError("no-images")
        if drawn[0].header.frame != self.structure_set.header.frame:
            raise NotJudgedError("frames-differ")
        return drawn[0]

    @property
    def dose(self) -> Dose:
        """The dose of the whole plan."""
        doses = [dose for dose in self.case.doses if dose.plan == self.plan.instance and dose.summation == "PLAN"]
        if not doses:
            raise NotJudgedError("no-dose")
        return doses[0]

    @property
    def recomputed(self) -> Volume[np.float32]:
        """The dose of the whole plan by an engine that was chosen: none is taken silently."""
        if self.recomputed_given is None:
            raise NotJudgedError("no-recomputed-dose")
        return self.recomputed_given

    @property
    def records(self) -> tuple[Treatment, ...]:
        """What was given of the plan, in the order of time."""
        records = [record for record in self.case.treatments if record.plan == self.plan.instance]
        if not records:
            raise NotJudgedError("no-records")
        return tuple(sorted(records, key=lambda record: (record.date, record.time)))

    @cached_property
    def beams(self) -> tuple[Beam, ...]:
        """Beams that give dose."""
        beams = tuple(beam for beam in self.plan.beams if beam.delivery != SETUP)
        if not beams:
            raise NotJudgedError("no-beams")
        return beams

    @property
    def group(self) -> FractionGroup:
        """The one fraction group."""
        if len(self.plan.fraction_groups) != 1:
            raise NotJudgedError("no-single-fraction-group")
        return self.plan.fraction_groups[0]

    @property
    def fractions(self) -> int:
        """How many fractions are planned."""
        if self.group.fractions is None:
            raise NotJudgedError("not-said")
        return self.group.fractions

    @cached_property
    def given(self) -> Mapping[int, FractionBeam]:
        """What the fraction group says of each beam that gives dose."""
        treated = {beam.number for beam in self.beams}
        return {one.beam: one for one in self.group.beams if one.beam in treated}

    @property
    def prescription(self) -> DoseReference:
        """The highest dose that is prescribed to a target."""
        found = [one for one in self.plan.dose_references if one.kind == "TARGET" and one.prescribed_gy]
        if not found:
            raise NotJudgedError("no-prescription")
        return max(found, key=lambda one: one.prescribed_gy or 0.0)

    @property
    def prescribed_gy(self) -> float:
        """The prescribed dose of the whole course."""
        return self.prescription.prescribed_gy or 0.0

    @property
    def body(self) -> Structure:
        """The outline of the patient."""
        return self._first(lambda one: one.kind == "EXTERNAL", "no-body")

    @property
    def target(self) -> Structure:
        """The structure to which is prescribed; else the only PTV."""
        number = None if self.chosen is None else self._prescribed_structure()
        if number is not None:
            return self._first(lambda one: one.number == number, "no-target")
        targets = [one for one in self.structure_set.structures if one.kind == "PTV" and one.rings]
        if len(targets) != 1:
            raise NotJudgedError("no-target")
        return targets[0]

    @property
    def targets(self) -> tuple[Structure, ...]:
        """All targets with contours."""
        return tuple(one for one in self.drawn if one.kind in TARGET_KINDS)

    @property
    def organs(self) -> tuple[Structure, ...]:
        """All organs with contours."""
        return tuple(one for one in self.drawn if one.kind in ORGAN_KINDS)

    @property
    def drawn(self) -> tuple[Structure, ...]:
        """All structures with closed contours."""
        return tuple(one for one in self.structure_set.structures if any(ring.kind in CLOSED for ring in one.rings))

    @property
    def coarse(self) -> Grid:
        """The image's slices with pixels of two millimetres or more."""
        grid = self.images.volume.grid
        return self.found.once("coarse", (grid,), lambda: _coarser(grid))

    def coarse_values(self) -> Floats:
        """The image at the coarse grid's voxels; computed once."""
        return self.found.once("coarse-values", (self.images.volume,), self._coarse_values)

    def shape(self, structure: Structure) -> Shape:
        """Its rings on the image's planes; computed once."""
        grid = self.images.volume.grid
        return self.found.once("shape", (structure, grid), lambda: _usable(lambda: shape_of(structure, grid)))

    def volume_ml(self, structure: Structure) -> float:
        """Its volume; computed once."""
        grid, shape = self.images.volume.grid, self.shape(structure)
        step_mm = float(grid.spacing[2])
        return self.found.once("volume", (shape, grid), lambda: _usable(lambda: volume_ml(shape, step_mm=step_mm)))

    def middle(self, structure: Structure) -> Floats:
        """The centre of a structure's volume in the patient (3), whatever voxels it is looked at with."""
        grid, shape = self.images.volume.grid, self.shape(structure)
        step_mm = float(grid.spacing[2])
        middle = self.found.once(
            "middle", (shape, grid), lambda: _usable(lambda: centre_of_mass(shape, step_mm=step_mm))
        )
        return grid.patient(middle)

    def inside(self, structure: Structure) -> Bools:
        """Which voxels of the coarse grid belong to a structure; computed once."""
        return self._mask(structure, self.coarse)

    def inside_dose(self, structure: Structure) -> Bools:
        """Which voxels of the plan's dose belong to a structure; computed once."""
        return self._mask(structure, self.dose.volume.grid)

    def points(self, structure: Structure) -> Floats:
        """All corners of a structure's rings, in the patient."""
        rings = (ring.points for ring in structure.rings if ring.kind in CLOSED)
        return self.found.once("points", (structure,), lambda: np.concatenate(list(rings)))

    def _coarse_values(self) -> Floats:
        image = self.images.volume
        step = np.rint(self.coarse.spacing / image.grid.spacing).astype(int)
        return np.asarray(image.values[:, :: int(step[1]), :: int(step[0])], dtype=np.float64)

    def _mask(self, structure: Structure, target: Grid) -> Bools:
        source, shape = self.images.volume.grid, self.shape(structure)

        def masked() -> Bools:
            moved = in_grid(shape, source=source, target=target)
            return mask_of(moved, target, step_mm=float(source.spacing[2])).full()

        return self.found.once("mask", (shape, source, target), lambda: _usable(masked))

    def _prescribed_structure(self) -> int | None:
        try:
            return self.prescription.structure
        except NotJudgedError:
            return None

    def _first(self, is_wanted: Wanted, reason: str) -> Structure:
        found = next((one for one in self.drawn if is_wanted(one)), None)
        if found is None:
            raise NotJudgedError(reason)
        return found


def _coarser(grid: Grid) -> Grid:
    across = np.maximum(1, np.ceil(LOOKED_AT_MM / grid.spacing - 1e-6)).astype(int)
    across[2] = 1
    slices, rows, columns = grid.shape
    return replace(
        grid,
        spacing=grid.spacing * across,
        shape=(slices, ceil(rows / int(across[1])), ceil(columns / int(across[0]))),
    )


def _usable(compute: Callable[[], Value]) -> Value:
    """What comes of contours; raises NotJudgedError where nothing can."""
    try:
        return compute()
    except Refusal as refusal:
        raise NotJudgedError("contours-unusable") from refusal


def checked_of(
    case: Case,
    *,
    plan: str | None,
    machine: MachineLimits | None,
    protocol: Protocol | None,
    found: Found | None = None,
) -> Checked:
    """One plan of a case, the only one unless its SOP Instance UID is named.

    `found` is what was found of a case that has some of its objects.
    Raises Refusal `plan-unclear` if there are several and none is named, or if none has this UID.
    """
    plans = case.plans if plan is None else tuple(each for each in case.plans if each.instance == plan)
    if len(plans) > 1 or (plan is not None and not plans):
        raise Refusal("plan-unclear", details={"known": ", ".join(each.instance for each in case.plans)})
    return Checked(
        case=case,
        chosen=plans[0] if plans else None,
        limits_given=machine,
        protocol_given=protocol,
        found=Found(found),
    )
