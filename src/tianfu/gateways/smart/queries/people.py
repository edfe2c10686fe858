"""Whose records somebody may give to a program: his own, and those of people for whom he stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tianfu.access.caller import Caller
from tianfu.gateways.smart.ports import Choice
from tianfu.kernel.instants import Clock, range_of
from tianfu.records.deeds import purpose_of
from tianfu.records.outcomes import Found
from tianfu.records.store import Store
from tianfu.services.accounts.model.people import SignedIn


class RecordedPeople:
    """People as the record store knows them; asked as the person himself, so that permission decides."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def of(self, signed_in: SignedIn) -> Sequence[Choice]:
        """The people whom somebody may choose, himself first."""
        caller = signed_in.caller
        if signed_in.workplace is not None:
            return ()
        wanted = [*caller.patients, *await self._patients_of_others(caller)]
        found = await self._found(caller, "Patient", list(dict.fromkeys(wanted)))
        return [Choice(patient=each["id"], name=_name(each)) for each in found]

    async def may_see(self, signed_in: SignedIn, patient: str) -> str | None:
        """The name of a patient whom somebody may see now."""
        found = await self._found(signed_in.caller, "Patient", [patient])
        return _name(found[0]) if found else None

    async def _patients_of_others(self, caller: Caller) -> list[str]:
        now = self._clock()
        ties = await self._found(caller, "RelatedPerson", list(caller.related))
        return [_patient(tie) for tie in ties if _patient(tie) and _is_in_force(tie, now)]

    async def _found(self, caller: Caller, kind: str, names: Sequence[str]) -> list[dict[str, Any]]:
        if not names:
            return []
        answers = await self._store.read_many(caller, purpose_of(caller.role), [(kind, name) for name in names])
        return [answer.record.value for answer in answers if isinstance(answer, Found)]


def _patient(tie: dict[str, Any]) -> str:
    kind, _, name = str(tie.get("patient", {}).get("reference", "")).partition("/")
    return name if kind == "Patient" else ""


def _is_in_force(tie: dict[str, Any], now: int) -> bool:
    period = tie.get("period", {})
    begins = range_of(period["start"])[0] if "start" in period else now
    ends = range_of(period["end"])[1] if "end" in period else now
    return tie.get("active", True) is not False and begins <= now <= ends


def _name(patient: dict[str, Any]) -> str:
    """A name as it is written, or put together of its parts; empty if the record has none."""
    for each in patient.get("name", ()):
        if "text" in each:
            return str(each["text"])
        if parts := [str(each.get("family", "")), *map(str, each.get("given", ()))]:
            return "".join(parts) if not parts[0].isascii() else " ".join(filter(None, reversed(parts)))
    return ""
