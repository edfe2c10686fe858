"""A nurse hears what a family can tell in its own words.  Rule: docs/rules/newborn-diary.md"""

from __future__ import annotations

from collections.abc import Mapping

from tianfu.access.caller import Caller
from tianfu.apps.newborn.mapping.teaching import TEACHING, response_of
from tianfu.apps.newborn.model.teaching import read_answers, together
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.records import changed, new, write_together
from tianfu.apps.newborn.queries.teaching import read_teaching
from tianfu.kernel.refusal import Refusal


async def teach_family(nursery: Nursery, caller: Caller, baby: str, form: Mapping[str, str]) -> None:
    """Keep what was heard, with what was heard before.

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
    if before is None:
        entry = new(response, once=f"identifier={TEACHING}|{baby}")
    else:
        if form.get("version", "") != str(before.version):
            raise Refusal("written-meanwhile", next_step="reload")
        entry = changed(response, version=before.version)
    await write_together(nursery.store, caller, [entry])
