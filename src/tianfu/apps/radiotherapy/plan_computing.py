"""Making a plan, as a work does it: a kept case in, a kept result out.  Not cleared for clinical use.

A work that was broken off goes on after the last step that it finished, and comes to the same result.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

import msgspec
import structlog

from tianfu.apps.radiotherapy.code_version import code_version
from tianfu.apps.radiotherapy.computing import inputs_of
from tianfu.apps.radiotherapy.made_plan_results import AskedPlan, JudgedPlan, plan_result_of
from tianfu.apps.radiotherapy.model.machines.reading import read_machine
from tianfu.apps.radiotherapy.model.machines.uses import refuse_unless_for_its_purpose
from tianfu.apps.radiotherapy.model.planning.following import Follower
from tianfu.apps.radiotherapy.model.planning.kept import Kept
from tianfu.apps.radiotherapy.model.planning.steps import KEPT_OF_ANOTHER, PlanTask, refuse_other_machine
from tianfu.apps.radiotherapy.model.planning.templates import plan_wish_from
from tianfu.apps.radiotherapy.model.protocols import Protocol, protocol_from
from tianfu.apps.radiotherapy.model.transport.density_reading import read_density_table
from tianfu.apps.radiotherapy.model.transport.density_tables import fingerprint_of_table
from tianfu.apps.radiotherapy.plan_parts import PlanParts
from tianfu.apps.radiotherapy.plan_progress import CURVES_MOST, POINTS
from tianfu.apps.radiotherapy.plan_results import ObjectResult
from tianfu.apps.radiotherapy.plan_watching import Watching
from tianfu.apps.radiotherapy.queries.evaluation import Evaluation, evaluate
from tianfu.apps.radiotherapy.queries.plan_making import MadePlan, case_with, made_on
from tianfu.apps.radiotherapy.queries.plan_objects import PlanMaking, PlanObjects
from tianfu.apps.radiotherapy.queries.planning import PlanBase, chosen_of, plan_base_of
from tianfu.apps.radiotherapy.results import FORM, NOT_CLEARED, Provenance
from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal, place_of
from tianfu.services.documents.keeping import Documents
from tianfu.services.jobs.doing import Doing, in_thread
from tianfu.standards.dicom.cases import Case
from tianfu.standards.dicom.doses import Dose, write_dose
from tianfu.standards.dicom.plans import write_plan

_log = structlog.get_logger("tianfu.radiotherapy")

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.jobs import Bench


async def plan_made(bench: Bench, doing: Doing) -> str:
    """The name of the kept plan that a work asked for.

    Raises Refusal `case-changed`, `density-table-replaced` if the table is not the one that was asked with, those of
    `refuse_unless_plannable` in `plan_asking`, and as `made_on` does.
    """
    asked = doing.arguments
    await doing.tell("reading", 0, 1)
    case, inputs = await inputs_of(bench, asked)
    machine, table = [await bench.documents.content(asked[name]) for name in ("machine", "density_table")]
    # One series and one set of a case that may hold more, doses and plans: each is read once, and nothing else.
    reading = await bench.cases.read(case, only=asked.get("reads"))
    parts = PlanParts(doing=doing, documents=bench.documents, loop=asyncio.get_running_loop())
    kept = await parts.latest()
    begun_at = await asyncio.to_thread(parts.begun_at, bench.clock)
    plan = await asyncio.to_thread(_asked, asked, reading.value, machine, table)
    judged = await in_thread(doing, _judged, plan, parts, kept, begun_at)
    provenance = Provenance(
        form=FORM,
        notice=NOT_CLEARED,
        code_version=code_version(),
        made_at=begun_at,
        asked_by=doing.asked_by,
        inputs=inputs,
    )
    objects = await _kept_objects(bench.documents, judged.made.objects)
    result = await asyncio.to_thread(plan_result_of, judged, plan, objects=objects, provenance=provenance)
    return await bench.documents.keep(await asyncio.to_thread(msgspec.json.encode, result))


def _asked(asked: Any, case: Case, machine: bytes, table: bytes) -> AskedPlan:
    wish, read = plan_wish_from(asked["wish"].encode()), read_machine(machine)
    refuse_unless_for_its_purpose(read, **_endorsement_of(asked))
    refuse_other_machine(wish, read)
    read_table = read_density_table(table)
    if fingerprint_of_table(read_table) != asked["density_table_fingerprint"]:
        raise Refusal("density-table-replaced", details={"table": read_table.name})
    return AskedPlan(
        case=chosen_of(case, structure_set=asked["structure_set"], images=asked["images"]),
        wish=wish,
        text=asked["wish"],
        machine=read,
        machine_document=asked["machine"],
        table=read_table,
        table_document=asked["density_table"],
        protocol=protocol_from(asked["protocol"].encode()) if asked["protocol"] else None,
    )


def _endorsement_of(asked: Any) -> dict[str, Any]:
    """The signatures and signatories as they lay there when the plan was asked for; none of an earlier work."""
    signatories = asked.get("signatories")
    return {
        "signatures": [each.encode() for each in asked.get("machine_signatures", ())],
        "signatories": None if signatories is None else signatories.encode(),
    }


def _judged(plan: AskedPlan, parts: PlanParts, kept: Kept | None, begun_at: Instant) -> JudgedPlan:
    """The plan, made from what is kept on, and its doses in all structures."""
    base = plan_base_of(plan.case, plan.wish, plan.table)
    watching = Watching(
        wish=plan.wish,
        parts=parts,
        follower=Follower(wish=plan.wish, subject=base.subject, most=CURVES_MOST, points=POINTS),
        seconds=time.monotonic,
    )
    task = PlanTask(wish=plan.wish, machine=plan.machine, table=plan.table, subject=base.subject, heard=watching.heard)
    making = making_of(task.fingerprint, begun_at)
    made = _made(base, task, kept, making, plan.protocol)
    objects = made.objects

    def judged(dose: Dose, protocol: Protocol | None) -> Evaluation:
        return evaluate(
            case_with(base, objects.plan, dose),
            dose=dose.instance,
            protocol=protocol,
            on_progress=lambda _, done, total: watching.judging(done, total),
        )

    return JudgedPlan(
        made=made,
        first=judged(objects.dose, plan.protocol),
        second=None if objects.second is None else judged(objects.second, None),
    )


def _made(base: PlanBase, task: PlanTask, kept: Kept | None, making: PlanMaking, protocol: Protocol | None) -> MadePlan:
    """The plan, from what is kept on; what turns out to be another plan's counts as gone, or none would ever come."""
    if kept is not None and kept.of != task.fingerprint:
        kept = None
    try:
        return made_on(base, task, kept=kept, making=making, protocol=protocol)
    except Refusal as refusal:
        if kept is None or refusal.code != KEPT_OF_ANOTHER:
            raise
        _log.warning("plan_begun_anew", place=place_of(refusal))
        return made_on(base, task, kept=None, making=making, protocol=protocol)


def making_of(fingerprint: str, begun_at: Instant) -> PlanMaking:
    """Names and time of the objects, the same for the same plan begun at the same time: UIDs of UUIDs (PS3.5 B.2)."""
    space = UUID(fingerprint[:32])

    def uid(name: str) -> str:
        return f"2.25.{uuid5(space, f'{code_version()} {begun_at} {name}').int}"

    return PlanMaking(
        plan_series=uid("plan-series"),
        plan=uid("plan"),
        dose_series=uid("dose-series"),
        dose=uid("dose"),
        second=uid("second-dose"),
        at=datetime.fromtimestamp(begun_at // SECOND, UTC).astimezone(),
    )


async def _kept_objects(documents: Documents, objects: PlanObjects) -> tuple[ObjectResult, ...]:
    """Each object as a kept document."""
    written: list[tuple[str, str, Callable[[], bytes]]] = [
        ("plan", objects.plan.instance, lambda: write_plan(objects.plan)),
        ("dose", objects.dose.instance, lambda: write_dose(objects.dose)),
    ]
    if (second := objects.second) is not None:
        written.append(("second-dose", second.instance, lambda: write_dose(second)))
    return tuple(
        [
            ObjectResult(kind=kind, instance=instance, document=await documents.keep(await asyncio.to_thread(write)))
            for kind, instance, write in written
        ]
    )
