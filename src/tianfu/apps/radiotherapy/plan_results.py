"""What came of a plan that was asked for: everything that was found out about it, and where its objects lie.

Not cleared for clinical use: a plan of ours is for demonstration, unapproved, and a rule says stop to each.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from tianfu.apps.radiotherapy.results import LineResult, Provenance, StructureResult


class MachineResult(msgspec.Struct, frozen=True, kw_only=True):
    """The machine that was planned on; `notice` is what must be told wherever its dose is shown, by language.

    `document` names its file's bytes.
    """

    name: str
    version: int
    fingerprint: str
    document: str
    notice: Mapping[str, str]


class DensityTableResult(msgspec.Struct, frozen=True, kw_only=True):
    """The table by which the images' Hounsfield units were taken as densities; `is_phantoms` if it is no scanner's.

    `scanner` says in words whose it is, `notice` what must be told wherever dose by it is shown, by language;
    `document` names its bytes, of which `fingerprint` is the SHA-256.
    """

    name: str
    version: int
    is_phantoms: bool
    scanner: str
    notice: Mapping[str, str]
    fingerprint: str
    document: str


class SegmentResult(msgspec.Struct, frozen=True, kw_only=True):
    """Monitor units of a fraction, and where both banks of leaves stand, in the machine's order of pairs."""

    mu: float
    first_mm: tuple[float, ...]
    second_mm: tuple[float, ...]


class FieldResult(msgspec.Struct, frozen=True, kw_only=True):
    """A field that gives dose; angles in degrees of IEC 61217, monitor units of a fraction."""

    number: int
    gantry_degrees: float
    collimator_degrees: float
    couch_degrees: float
    isocentre_mm: tuple[float, float, float]
    jaws_x_mm: tuple[float, float]
    jaws_y_mm: tuple[float, float]
    mu: float
    segments: tuple[SegmentResult, ...]


class FaultResult(msgspec.Struct, frozen=True, kw_only=True):
    """Where a rule is not kept, and its numbers; as `checking.rules.Fault`."""

    where: Mapping[str, str]
    details: Mapping[str, str]


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a rule came out; `not_judged` is a code if it, or a part of it, could not be judged."""

    rule: str
    severity: str
    topic: str
    evidence: str
    mark: str
    verdict: str
    not_judged: str | None
    faults: tuple[FaultResult, ...]


class ComplexityFigures(msgspec.Struct, frozen=True, kw_only=True):
    """As `checking.complexity.Complexity`; `sas` by its limit in millimetres."""

    mu: float
    mcs: float
    lsv: float
    aav: float
    sas: Mapping[str, float]
    irregularity: float
    modulation: float
    area_mm2: float


class ComplexityResult(msgspec.Struct, frozen=True, kw_only=True):
    """The whole plan and its beams by their numbers."""

    mu_per_gy: float | None
    plan: ComplexityFigures
    beams: Mapping[str, ComplexityFigures]


class SecondResult(msgspec.Struct, frozen=True, kw_only=True):
    """The same segments by a second engine: independent in transport, not in commissioning.

    `structures` are judged in its dose as the plan's are in the first; no criterion is applied, since none was chosen.
    """

    engine: str
    reached_gy: float
    dose_gy_max: float
    structures: tuple[StructureResult, ...]


class ObjectResult(msgspec.Struct, frozen=True, kw_only=True):
    """A DICOM object that was made: its SOP Instance UID, and the name of the kept document with its bytes."""

    kind: str
    instance: str
    document: str


class GoalResult(msgspec.Struct, frozen=True, kw_only=True):
    """A goal that was served in its order, in its `unit`.

    From its own level on it was held at `held`, which has its comparison.  `by_fluence` is what the fluence reached by
    voxels, `reached` what the plan's dose does in the drawn shape, None for `reason`; either is held or not.
    """

    structure: str
    goal: str
    priority: int
    mark: str
    source: str
    unit: str
    held: str
    by_fluence: float
    is_held_by_fluence: bool
    reached: float | None
    is_held: bool
    verdict: str
    reason: str | None


class OddResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was odd about the case and is to be known, by the code of its sentence."""

    code: str
    details: Mapping[str, str]


class PlanResult(msgspec.Struct, frozen=True, kw_only=True):
    """A plan for demonstration; its provenance says when it was begun, so that one that was broken off is the same.

    `wish` is the template as JSON text, byte by byte as it was asked.  `reached_gy` is what the prescription's volume
    gets by the first engine.  `structures` are all of the set in the first dose, `lines` the goals of the protocol
    named `protocol`, if one was chosen; `complexity` is None where the rules could not tell it.  `objects` are RTPLAN,
    RTDOSE and the second RTDOSE, if one was wished, with kinds `plan`, `dose` and `second-dose`.  `in_order` are the
    goals that were served in their order, none where objectives were weighed against each other.
    """

    provenance: Provenance
    wish: str
    name: str
    machine: MachineResult
    density_table: DensityTableResult
    structure_set: str
    images: str
    odd: tuple[OddResult, ...]
    prescribed_structure: str
    prescribed_gy: float
    prescribed_volume_percent: float
    fractions: int
    fields: tuple[FieldResult, ...]
    mu: float
    segments: int
    reached_gy: float
    dose_gy_max: float
    engine: str
    structures: tuple[StructureResult, ...]
    protocol: str
    lines: tuple[LineResult, ...]
    checks: tuple[CheckResult, ...]
    worst: str | None
    complexity: ComplexityResult | None
    second: SecondResult | None
    objects: tuple[ObjectResult, ...]
    in_order: tuple[GoalResult, ...] = ()
