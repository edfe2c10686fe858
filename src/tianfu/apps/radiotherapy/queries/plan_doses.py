"""The way back: the segments that an RTPLAN has, and their dose by the engine that is named."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tianfu.apps.radiotherapy.model.machines.machines import Machine
from tianfu.apps.radiotherapy.model.optimisation.apertures import FieldSegments, Segment, Span
from tianfu.apps.radiotherapy.model.planning.engines import Counted, Engine, Given, fraction_dose
from tianfu.apps.radiotherapy.model.transport.density_tables import DensityTable
from tianfu.apps.radiotherapy.model.transport.fields import Field
from tianfu.apps.radiotherapy.model.transport.pencil_beam import Settings
from tianfu.apps.radiotherapy.model.transport.tracing import Resolution
from tianfu.apps.radiotherapy.queries.planning import patient_of
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.beams import SETUP, Beam, Technique, segments, technique_of
from tianfu.standards.dicom.cases import Case
from tianfu.standards.dicom.control_points import X_JAWS, Y_JAWS, Stand
from tianfu.standards.dicom.findings import Finding
from tianfu.standards.dicom.grids import Volume
from tianfu.standards.dicom.plans import FractionGroup, Plan

WITHIN_MM = 0.005
"""Positions are written with two or three decimals. [ours]"""


FINE = Resolution(ray_mm=2.0, step_mm=2.5)
"""As the speed of plans is measured, in `bench/radiotherapy_influence.py`. [ours]"""

SURFACE_DENSITY = 0.05
SPACING_MM = (1.0, 10.0)


@dataclass(frozen=True, kw_only=True)
class Computing:
    """How a plan's dose is computed; nothing here has a value of its own."""

    density_table: DensityTable
    spacing_mm: float
    settings: Settings


@dataclass(frozen=True, kw_only=True, eq=False)
class Delivered:
    """What a plan gives in a fraction, and in how many."""

    fields: tuple[Field, ...]
    parts: tuple[FieldSegments, ...]
    fractions: int


@dataclass(frozen=True, kw_only=True, eq=False)
class PlanDose:
    """Gray of all fractions of a plan, and what is odd about where it was computed."""

    volume: Volume[np.float32]
    told: tuple[Finding, ...]


def computing(machine: Machine, table: DensityTable, *, spacing_mm: float) -> Computing:
    """How dose is computed with a machine; raises Refusal `dose-spacing-not-sound` for a grid of no use."""
    least, most = SPACING_MM
    if not least <= spacing_mm <= most:
        told = {"spacing_mm": f"{spacing_mm:g}", "least": f"{least:g}", "most": f"{most:g}"}
        raise Refusal("dose-spacing-not-sound", details=told)
    settings = Settings(
        gy_per_mu=machine.calibration.gy_per_mu,
        # Doses of apertures have none: all that the kernels reach.
        lateral_cut_off_mm=float(machine.beam.radius_mm[-1]),
        surface_density=SURFACE_DENSITY,
        resolution=FINE,
    )
    return Computing(density_table=table, spacing_mm=spacing_mm, settings=settings)


def plan_named(case: Case, instance: str | None) -> Plan:
    """The plan with this SOP Instance UID, or the only one; raises Refusal `plan-unclear`."""
    found = [each for each in case.plans if instance in {None, each.instance}]
    if len(found) != 1:
        raise Refusal("plan-unclear", details={"known": ", ".join(each.instance for each in case.plans)})
    return found[0]


def dose_of_plan(
    case: Case, plan: Plan, machine: Machine, *, how: Computing, engine: Engine, counted: Counted
) -> PlanDose:
    """Gray of all fractions of a plan in the body.

    Raises Refusal as `delivered_of`, `patient_of` and `fraction_dose` do.
    """
    found = delivered_of(plan, machine)
    patient, told = patient_of(case, plan, how.density_table, spacing_mm=how.spacing_mm)
    given = Given(parts=found.parts, fields=found.fields, machine=machine, settings=how.settings)
    once = fraction_dose(given, patient, engine=engine, counted=counted)
    return PlanDose(volume=Volume(grid=once.grid, values=once.values * np.float32(found.fractions)), told=told)


def delivered_of(plan: Plan, machine: Machine) -> Delivered:
    """The segments of a plan's beams that give dose.

    Raises Refusal `plan-without-segments`, `plan-fractions-unclear`, `beam-not-whole`, `plan-not-for-machine` with what
    differs, `plan-technique-not-computed` for what moves while it gives dose, and `beam-without-weights`.
    """
    group = _only_group(plan)
    beams = [beam for beam in plan.beams if beam.delivery != SETUP]
    fields: list[Field] = []
    parts: list[FieldSegments] = []
    for beam in beams:
        meterset = next((one.meterset for one in group.beams if one.beam == beam.number), None)
        if not meterset:
            continue
        _refuse_other(beam, machine)
        parts += _parts(len(fields), beam, meterset, machine)
        fields.append(_field(beam))
    if not parts:
        raise Refusal("plan-without-segments")
    return Delivered(fields=tuple(fields), parts=tuple(parts), fractions=group.fractions or 0)


def _only_group(plan: Plan) -> FractionGroup:
    if len(plan.fraction_groups) != 1 or not plan.fraction_groups[0].fractions:
        raise Refusal("plan-fractions-unclear", details={"groups": str(len(plan.fraction_groups))})
    return plan.fraction_groups[0]


def _refuse_other(beam: Beam, machine: Machine) -> None:
    """What a machine cannot give is not computed as if it could."""
    if beam.not_read:
        raise Refusal("beam-not-whole", details={"beam": str(beam.number), "parts": ", ".join(beam.not_read)})
    technique = technique_of(beam)
    if technique not in {Technique.STATIC, Technique.STEP_AND_SHOOT}:
        told = {"beam": str(beam.number), "technique": str(technique)}
        raise Refusal("plan-technique-not-computed", details=told)
    _same(beam, "machine", beam.machine, machine.name)
    _same(beam, "radiation", beam.radiation, "PHOTON")
    _same(beam, "unit", beam.unit, "MU")
    _same(beam, "fluence", beam.fluence or "STANDARD", "STANDARD")
    _same(beam, "axis_mm", _number(beam.axis_mm), _number(machine.beam.axis_mm))
    for point in beam.control_points:
        _same(beam, "energy_mv", _number(point.stand.energy_mv), _number(machine.beam.energy_mv))
        _same(beam, "pitch_degrees", _number(point.stand.pitch_degrees or 0.0), "0")
        _same(beam, "roll_degrees", _number(point.stand.roll_degrees or 0.0), "0")
        _same(beam, "eccentric_degrees", _number(point.stand.eccentric_degrees or 0.0), "0")
    _refuse_other_leaves(beam, machine)


def _refuse_other_leaves(beam: Beam, machine: Machine) -> None:
    leaves = [device for device in beam.devices if device.kind.startswith("MLC")]
    kinds = ", ".join(device.kind for device in leaves) or "–"
    _same(beam, "leaves", kinds, "MLCX")
    found, wanted = np.array(leaves[0].boundaries_mm), np.array(machine.leaves.boundaries_mm)
    is_same = found.shape == wanted.shape and bool(np.abs(found - wanted).max() <= WITHIN_MM)
    if not is_same:
        raise _differs(beam, "leaves", f"{leaves[0].pairs}", f"{len(wanted) - 1}")


def _same(beam: Beam, element: str, found: str, wanted: str) -> None:
    if found != wanted:
        raise _differs(beam, element, found, wanted)


def _differs(beam: Beam, element: str, found: str, wanted: str) -> Refusal:
    told = {"beam": str(beam.number), "element": element, "found": found or "?", "wanted": wanted}
    return Refusal("plan-not-for-machine", details=told)


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:g}"


def _field(beam: Beam) -> Field:
    stand, isocentre = beam.control_points[0].stand, beam.control_points[0].isocentre_mm
    angles = (stand.gantry_degrees, stand.collimator_degrees, stand.couch_degrees)
    places = {(point.isocentre_mm, _angles(point.stand)) for point in beam.control_points}
    if isocentre is None or None in angles or len(places) != 1:
        raise _differs(beam, "angles", "?", "0-360")
    gantry, collimator, couch = (float(angle or 0.0) for angle in angles)
    return Field(
        number=beam.number,
        isocentre=np.array(isocentre, np.float64),
        gantry_degrees=gantry,
        collimator_degrees=collimator,
        couch_degrees=couch,
    )


def _angles(stand: Stand) -> tuple[float | None, ...]:
    return stand.gantry_degrees, stand.collimator_degrees, stand.couch_degrees


def _parts(field: int, beam: Beam, meterset: float, machine: Machine) -> list[FieldSegments]:
    """Segments in order; where jaws move between them a part begins anew."""
    parts: list[tuple[tuple[Span, Span], list[Segment]]] = []
    for one in segments(beam, meterset=meterset):
        if one.meterset <= 0:
            continue
        stand = beam.control_points[one.start].stand
        jaws = (_jaws(stand, X_JAWS, "x", machine), _jaws(stand, Y_JAWS, "y", machine))
        if not parts or parts[-1][0] != jaws:
            parts.append((jaws, []))
        parts[-1][1].append(_segment(beam, stand, one.meterset, machine))
    return [FieldSegments(field=field, jaws_x_mm=x, jaws_y_mm=y, segments=tuple(given)) for (x, y), given in parts]


def _jaws(stand: Stand, devices: frozenset[str], along: str, machine: Machine) -> Span:
    """Where both jaws stand; as far apart as the machine's, or the leaves, where the plan has none."""
    opening = stand.opening(devices)
    if opening is not None:
        first, second = opening.positions_mm
        return first, second
    for jaws in machine.jaws:
        if jaws.moves_along == along:
            return jaws.least_mm, jaws.most_mm
    edges = machine.leaves.boundaries_mm
    return (machine.leaves.least_mm, machine.leaves.most_mm) if along == "x" else (edges[0], edges[-1])


def _segment(beam: Beam, stand: Stand, mu: float, machine: Machine) -> Segment:
    opening = stand.opening({"MLCX"})
    if opening is None:
        raise _differs(beam, "leaves", "?", "MLCX")
    positions, pairs = np.array(opening.positions_mm), machine.leaves.pairs
    return Segment(first_mm=positions[:pairs], second_mm=positions[pairs:], mu=mu)
