"""The names of the people and institutions that tasks and the trail know by id alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.trust.mapping.elements import name_of
from tianfu.apps.trust.store import Reference, TrustStore
from tianfu.records.outcomes import Found

Names = Mapping[Reference, str]
"""Names by resource type and id; who may not be known has none."""


async def names_of(store: TrustStore, caller: Caller, purpose: Purpose, references: Iterable[Reference]) -> Names:
    """The name behind each reference that can be read; one question for all."""
    wanted = sorted({each for each in references if each[1]})
    if not wanted:
        return {}
    answers = await store.read_many(caller, purpose, wanted)
    return {
        reference: name_of(answer.record.value.get("name"))
        for reference, answer in zip(wanted, answers, strict=True)
        if isinstance(answer, Found)
    }
