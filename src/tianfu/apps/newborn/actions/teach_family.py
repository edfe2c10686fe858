"""A nurse hears what a family can tell in its own words.  Rule: docs/rules/newborn-diary.md"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import uuid4

from tianfu.access.caller import Caller
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.teaching import (
    TEACHING,
    care_plan_of,
    questionnaire_id,
    questionnaire_of,
    response_of,
)
from tianfu.apps.newborn.model.teaching import Plan, read_answers, together
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.records import (
    PLATFORM,
    WARD_WORK,
    changed,
    found_by,
    new,
    read_all,
    write,
    write_together,
)
from tianfu.apps.newborn.queries.teaching import read_teaching
from tianfu.kernel.refusal import Refusal


async def teach_family(nursery: Nursery, caller: Caller, baby: str, form: Mapping[str, str]) -> None:
    """Keep what was heard, with what was heard before, and what is still to be told.

    Raises Refusal `not-found`, `practitioner-missing`, `written-meanwhile`, and as `read_answers` does.
    """
    teaching = await read_teaching(nursery, caller, baby)
    if caller.practitioner is None:
        raise Refusal("practitioner-missing", next_step="ask-your-office")
    said = read_answers(form, teaching.plan.points, version=form.get("plan", ""), today=teaching.plan)
    before = teaching.taught
    answers = together({} if before is None else before.answers, said)
    response = response_of(
        teaching.plan,
        answers,
        baby=baby,
        by=caller.practitioner,
        now=nursery.clock(),
        logical_id="" if before is None else before.id,
    )
    once, name = f"identifier={TEACHING}|{baby}", f"urn:uuid:{uuid4()}"
    if before is None:
        entry = new(response, name=name, once=once)
    else:
        if form.get("version", "") != str(before.version):
            raise _written_meanwhile()
        entry = changed(response, version=before.version)
    await _keep_points(nursery, teaching.plan)
    told = name if before is None else f"QuestionnaireResponse/{before.id}"
    plans = await found_by(nursery.store, caller, WARD_WORK, "CarePlan", identifier=f"{TEACHING}|{baby}")
    if before is None and plans:
        raise _written_meanwhile()
    left = care_plan_of(
        teaching.plan,
        answers,
        baby=baby,
        response=told,
        by=caller.practitioner,
        logical_id=plans[0].id if plans else "",
    )
    next_entry = changed(left, version=plans[0].version) if plans else new(left, once=once)
    await write_together(nursery.store, caller, [entry, next_entry])
    if before is None:  # of two who begin at one moment the store keeps the first one's, and says no word of it
        kept = (await read_teaching(nursery, caller, baby)).taught
        if kept is None or any(kept.answers.get(point) is not answer for point, answer in said.items()):
            raise _written_meanwhile()


def _written_meanwhile() -> Refusal:
    return Refusal("written-meanwhile", next_step="reload")


async def _keep_points(nursery: Nursery, plan: Plan) -> None:
    """The version of the points that was asked stands in the record, so that an answer can be read years later."""
    name = ("Questionnaire", questionnaire_id(plan))
    if name not in await read_all(nursery.store, VISITS, PLATFORM, [name]):
        await write(nursery.store, questionnaire_of(plan))
