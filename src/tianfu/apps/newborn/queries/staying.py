"""Whether a visit of a baby can still take place in a ward: what the record says of its stay, read just now.

Asked before whatever reaches a family: a reminder, a place that came free.  Rule: docs/rules/newborn-booking.md
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from tianfu.apps.newborn.mapping.codes import HL7, VISITS
from tianfu.apps.newborn.mapping.visits import Element, id_in
from tianfu.apps.newborn.mapping.wards import has_died
from tianfu.apps.newborn.model.binding import ASK_THE_WARD
from tianfu.apps.newborn.ports import RecordStore
from tianfu.apps.newborn.queries.records import PLATFORM, bed_of, found_all, is_stay_in, read_all
from tianfu.kernel.instants import SECOND
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Record

DISCHARGED = "discharged"
"""The baby left the ward: home, or for another ward."""

UNKNOWN = "not-known"
"""The record does not tell: no visit begins meanwhile, and none is given up for it."""

GONE_AFTER = 15 * 60 * SECOND
"""A stay may be ended by mistake, or a death be written behind its end: so long it is waited what becomes of it."""

DISPOSITION = f"{HL7}/discharge-disposition"
BABIES_AT_ONCE = 40

Stay = tuple[str, str]
"""A baby and a ward."""


async def why_gone(store: RecordStore, stays: Collection[Stay]) -> Mapping[Stay, str]:
    """Why no visit of a baby can take place in a ward any more, in one word; empty while one can."""
    answer: dict[Stay, str] = {}
    asked = sorted(set(stays))
    for first in range(0, len(asked), BABIES_AT_ONCE):
        answer |= await _why_gone(store, asked[first : first + BABIES_AT_ONCE])
    return answer


async def refuse_unless_staying(store: RecordStore, stays: Collection[Stay]) -> None:
    """Raise Refusal `baby-not-here` for a baby of which no visit can take place in that ward."""
    if any((await why_gone(store, stays)).values()):
        raise Refusal("baby-not-here", next_step="ask-the-ward")


async def _why_gone(store: RecordStore, stays: Collection[Stay]) -> dict[Stay, str]:
    babies = sorted({baby for baby, _ in stays})
    fields = {"patient": ",".join(f"Patient/{each}" for each in babies), "status": "in-progress", "class": "IMP"}
    opened = [each.value for each in await found_all(store, VISITS, PLATFORM, "Encounter", **fields)]
    wanted = [("Patient", each) for each in babies] + [("Location", ward) for _, ward in stays]
    found = await read_all(store, VISITS, PLATFORM, wanted + [("Location", bed_of(each)) for each in opened])
    answer = {}
    for baby, ward in stays:
        own = [each for each in opened if id_in(each.get("subject"), "Patient") == baby]
        patient = found.get(("Patient", baby))
        if patient is not None and has_died(patient.value):
            answer[baby, ward] = ASK_THE_WARD
        elif _is_here(own, ward, found):
            answer[baby, ward] = ""
        elif await left_dead(store, baby):
            answer[baby, ward] = ASK_THE_WARD
        else:
            answer[baby, ward] = UNKNOWN if _is_unknown(own, ward, found) else DISCHARGED
    return answer


def _is_here(stays: Iterable[Element], ward: str, found: Mapping[tuple[str, str], Record]) -> bool:
    return any(is_stay_in(each, ward, found) for each in stays)


def _is_unknown(stays: Iterable[Element], ward: str, found: Mapping[tuple[str, str], Record]) -> bool:
    """Whether nobody can say if one of a baby's open stays is in a ward: of it, or of the bed, too little is read."""
    of_ward = found.get(("Location", ward))
    unit = "" if of_ward is None else id_in(of_ward.value.get("managingOrganization"), "Organization")
    beds = {bed_of(each) for each in stays if id_in(each.get("serviceProvider"), "Organization") == unit} - {""}
    return not unit or any(("Location", each) not in found for each in beds)


async def left_dead(store: RecordStore, baby: str) -> bool:
    """Whether a stay of a baby ended with its death, by what the discharge says, as not every house writes it twice."""
    fields = {"patient": f"Patient/{baby}", "status": "finished", "class": "IMP"}
    ended = await found_all(store, VISITS, PLATFORM, "Encounter", **fields)
    return any(
        coding.get("system") == DISPOSITION and coding.get("code") == "exp"
        for each in ended
        for coding in ((each.value.get("hospitalization") or {}).get("dischargeDisposition") or {}).get("coding", ())
    )
