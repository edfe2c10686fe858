"""What a machine would record of a plan's fractions: every beam as planned, with the jitter that machines have."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from demo.dice import Dice
from tianfu.standards.dicom.beams import Beam
from tianfu.standards.dicom.headers import Header
from tianfu.standards.dicom.plans import FractionGroup, Plan
from tianfu.standards.dicom.treatments import NORMAL, DeliveredBeam, DeliveredPoint, Machine, Treatment

JITTER = 5e-4
"""How far a delivered meterset is from the planned one at most, as a part of it. [ours]"""


def treatments_of(plan: Plan, header: Header, *, instances: Sequence[str], first: str) -> tuple[Treatment, ...]:
    """One record for each instance UID, a fraction a day from the first one on (YYYYMMDD)."""
    return tuple(
        _treatment(plan, header, instance, number, first=first) for number, instance in enumerate(instances, start=1)
    )


def _treatment(plan: Plan, header: Header, instance: str, number: int, *, first: str) -> Treatment:
    group = plan.fraction_groups[0]
    begin = datetime.strptime(f"{first}140000+0800", "%Y%m%d%H%M%S%z") + timedelta(days=number - 1)
    dice = Dice(instance)
    return Treatment(
        header=header,
        instance=instance,
        number=number,
        date=begin.strftime("%Y%m%d"),
        time=begin.strftime("%H%M%S"),
        plan=plan.instance,
        fraction_group=group.number,
        fractions=group.fractions,
        unit="MU",
        machine=Machine(name=plan.beams[0].machine, manufacturer="示例", model="DEMO", serial="0"),
        beams=tuple(_beam(beam, group, number, dice, begin) for beam in plan.beams),
        operator="示例^技师",
    )


def _beam(beam: Beam, group: FractionGroup, fraction: int, dice: Dice, begin: datetime) -> DeliveredBeam:
    planned = next(one.meterset or 0.0 for one in group.beams if one.beam == beam.number)
    factor = 1 + dice.uniform(-JITTER, JITTER)
    points = tuple(
        DeliveredPoint(
            index=index,
            date=begin.strftime("%Y%m%d"),
            time=(begin + timedelta(seconds=60 * beam.number + 5 * index)).strftime("%H%M%S"),
            specified=round(planned * (point.weight or 0.0), 3),
            delivered=round(planned * (point.weight or 0.0) * factor, 3),
            rate_set=point.dose_rate,
            rate_delivered=point.dose_rate,
            stand=point.stand,
        )
        for index, point in enumerate(beam.control_points)
    )
    return DeliveredBeam(
        number=beam.number,
        name=beam.name,
        kind=beam.kind,
        radiation=beam.radiation,
        delivery=beam.delivery,
        fraction=fraction,
        termination=NORMAL,
        verification="VERIFIED",
        specified=planned,
        delivered=round(planned * factor, 3),
        points=points,
        leaf_pairs=tuple((device.kind, device.pairs) for device in beam.devices),
        setup=beam.setup,
    )
