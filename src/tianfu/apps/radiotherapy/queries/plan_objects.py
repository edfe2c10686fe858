"""A plan that was made as DICOM's RTPLAN and RTDOSE: step and shoot, unapproved, for research and for no patient.

No set-up beams are in it: which pictures a department takes before treatment is its own to say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import accumulate

import numpy as np

from tianfu.apps.radiotherapy.model.machines.machines import Machine
from tianfu.apps.radiotherapy.model.optimisation.apertures import FieldSegments, Segment
from tianfu.apps.radiotherapy.model.planning.engines import Engine
from tianfu.apps.radiotherapy.model.planning.steps import Planned
from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish
from tianfu.apps.radiotherapy.model.transport.density import cropped
from tianfu.apps.radiotherapy.model.transport.fields import Field
from tianfu.apps.radiotherapy.model.transport.geometry import view_of
from tianfu.apps.radiotherapy.model.transport.tracing import surfaces_mm
from tianfu.apps.radiotherapy.queries.planning import PlanBase
from tianfu.standards.dicom.beams import Beam, ControlPoint, LimitingDevice
from tianfu.standards.dicom.control_points import Opening, Stand
from tianfu.standards.dicom.doses import Dose
from tianfu.standards.dicom.grids import Volume
from tianfu.standards.dicom.headers import OURS, Approval, Header, Series
from tianfu.standards.dicom.plans import (
    DoseReference,
    FractionBeam,
    FractionGroup,
    Plan,
    Setup,
    ToleranceTable,
)

INTENT = "RESEARCH"
"""Plan Intent (300A,000A): no machine of ours is anybody's, so that no plan on one treats (C.8.8.9)."""

DESCRIPTION = "Demonstration only, not for clinical use"
"""Series Description (0008,103E), RT Plan Description (300A,0004) and Dose Comment (3004,0006)."""

LABEL_MOST = 16
"""Characters of a Short String (PS3.5 6.2)."""

MU_DIGITS = 6
SURFACE_DIGITS = 1


@dataclass(frozen=True, kw_only=True)
class PlanMaking:
    """Names and time of the objects; `second` is the instance of a second dose, in the series of the first."""

    plan_series: str
    plan: str
    dose_series: str
    dose: str
    second: str
    at: datetime


@dataclass(frozen=True, kw_only=True, eq=False)
class PlanObjects:
    """What is written; `second` is the dose of a second engine, if one was wished."""

    plan: Plan
    dose: Dose
    second: Dose | None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Source:
    """What every beam is written from."""

    base: PlanBase
    wish: PlanWish
    machine: Machine

    def surface_mm(self, field: Field) -> float | None:
        """From the source to the skin on the axis; None where the axis misses the patient."""
        subject, axis = self.base.subject, np.zeros((1, 2))
        view = view_of(field, axis_mm=self.machine.beam.axis_mm)
        least = self.wish.computation.surface_density
        (found,) = surfaces_mm(cropped(subject.density), view, axis, density_least=least)
        return round(float(found), SURFACE_DIGITS) if np.isfinite(found) else None


def plan_objects(base: PlanBase, wish: PlanWish, machine: Machine, made: Planned, making: PlanMaking) -> PlanObjects:
    """The plan and its doses, all of the case's patient, study and frame of reference."""
    header = base.structure_set.header
    source = _Source(base=base, wish=wish, machine=machine)
    plan = Plan(
        header=_header(header, making.plan_series),
        instance=making.plan,
        label=wish.name[:LABEL_MOST],
        name=wish.name,
        description=DESCRIPTION,
        date=f"{making.at:%Y%m%d}",
        time=f"{making.at:%H%M%S}",
        intent=INTENT,
        structure_set=base.structure_set.instance,
        doses=(making.dose,),
        dose_references=(_prescribed(base, wish),),
        tolerances=(_tolerance(wish),),
        setups=(Setup(number=1, position=base.images.position),),
        fraction_groups=(_group(made, wish),),
        beams=tuple(_beam(part, made.fields[part.field], source) for part in made.parts),
        approval=Approval(status="UNAPPROVED"),
    )
    first = _dose(header, made.dose, making, instance=making.dose, engine="pencil-beam")
    second = None
    if made.second is not None and wish.computation.second is not None:
        second = _dose(header, made.second, making, instance=making.second, engine=wish.computation.second)
    return PlanObjects(plan=plan, dose=first, second=second)


def dose_object(
    header: Header, volume: Volume[np.float32], *, series: str, instance: str, plan: str, engine: Engine
) -> Dose:
    """The dose of all fractions of a plan; its comment says by which engine, and that it is for no patient."""
    return Dose(
        header=_header(header, series),
        instance=instance,
        volume=volume,
        kind="PHYSICAL",
        summation="PLAN",
        heterogeneity=("IMAGE",),
        plan=plan,
        comment=f"{engine}; {DESCRIPTION}",
    )


def _dose(header: Header, volume: Volume[np.float32], making: PlanMaking, *, instance: str, engine: Engine) -> Dose:
    return dose_object(header, volume, series=making.dose_series, instance=instance, plan=making.plan, engine=engine)


def _header(header: Header, series: str) -> Header:
    return replace(header, series=Series(uid=series, description=DESCRIPTION), manufacturer=OURS)


def _prescribed(base: PlanBase, wish: PlanWish) -> DoseReference:
    prescription = wish.prescription
    return DoseReference(
        number=1,
        place="VOLUME",
        kind="TARGET",
        description=f"{prescription.volume_percent:g} % of the volume",
        structure=base.structures[prescription.structure].number,
        prescribed_gy=prescription.dose_gy,
    )


def _tolerance(wish: PlanWish) -> ToleranceTable:
    tolerance = wish.tolerance
    return ToleranceTable(
        number=1,
        gantry_degrees=tolerance.gantry_degrees,
        collimator_degrees=tolerance.collimator_degrees,
        couch_degrees=tolerance.couch_degrees,
        vertical_mm=tolerance.vertical_mm,
        longitudinal_mm=tolerance.longitudinal_mm,
        lateral_mm=tolerance.lateral_mm,
    )


def _group(made: Planned, wish: PlanWish) -> FractionGroup:
    """Beams without doses of their own: at a point where others give what is prescribed they would mislead."""
    return FractionGroup(
        number=1,
        fractions=wish.prescription.fractions,
        beams=tuple(FractionBeam(beam=made.fields[part.field].number, meterset=_sums(part)[-1]) for part in made.parts),
        dose_references=(1,),
    )


def _sums(part: FieldSegments) -> list[float]:
    """Monitor units before the first segment and after each."""
    units = accumulate((segment.mu for segment in part.segments), initial=0.0)
    return [round(mu, MU_DIGITS) for mu in units]


def _beam(part: FieldSegments, field: Field, source: _Source) -> Beam:
    machine = source.machine
    return Beam(
        number=field.number,
        name=f"{field.number} G{field.gantry_degrees:g}",
        description=f"C{field.collimator_degrees:g} T{field.couch_degrees:g}",
        kind="STATIC" if len(part.segments) == 1 else "DYNAMIC",
        radiation="PHOTON",
        machine=machine.name,
        delivery="TREATMENT",
        unit="MU",
        axis_mm=machine.beam.axis_mm,
        final_weight=_sums(part)[-1],
        devices=_devices(machine),
        control_points=tuple(_control_points(part, field, source)),
        fluence="STANDARD",
        setup=1,
        tolerance=1,
    )


def _devices(machine: Machine) -> tuple[LimitingDevice, ...]:
    jaws = tuple(LimitingDevice(kind=f"ASYM{one.moves_along.upper()}", pairs=1) for one in machine.jaws)
    leaves = machine.leaves
    return (*jaws, LimitingDevice(kind="MLCX", pairs=leaves.pairs, boundaries_mm=leaves.boundaries_mm))


def _control_points(part: FieldSegments, field: Field, source: _Source) -> list[ControlPoint]:
    """Two for each segment, its leaves at rest between them; weights are monitor units."""
    sums, surface_mm = _sums(part), source.surface_mm(field)
    x, y, z = field.isocentre.tolist()
    points = []
    for number, segment in enumerate(part.segments):
        stand = _stand(part, segment, field, source.machine)
        points += [
            ControlPoint(
                weight=weight,
                stand=stand,
                isocentre_mm=(x, y, z),
                dose_rate=source.wish.dose_rate_mu_per_min,
                surface_mm=surface_mm,
            )
            for weight in (sums[number], sums[number + 1])
        ]
    return points


def _stand(part: FieldSegments, segment: Segment, field: Field, machine: Machine) -> Stand:
    spans = {"x": part.jaws_x_mm, "y": part.jaws_y_mm}
    jaws = tuple(
        Opening(device=f"ASYM{one.moves_along.upper()}", positions_mm=spans[one.moves_along]) for one in machine.jaws
    )
    leaves = Opening(device="MLCX", positions_mm=(*segment.first_mm.tolist(), *segment.second_mm.tolist()))
    return Stand(
        gantry_degrees=field.gantry_degrees,
        gantry_direction="NONE",
        collimator_degrees=field.collimator_degrees,
        collimator_direction="NONE",
        couch_degrees=field.couch_degrees,
        couch_direction="NONE",
        eccentric_degrees=0.0,
        eccentric_direction="NONE",
        pitch_degrees=0.0,
        pitch_direction="NONE",
        roll_degrees=0.0,
        roll_direction="NONE",
        energy_mv=machine.beam.energy_mv,
        openings=(*jaws, leaves),
    )
