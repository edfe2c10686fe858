"""A nurse scans wristband, bed and camera at the bed.  Rule: docs/rules/newborn-visits.md"""

from __future__ import annotations

from collections.abc import Sequence

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.live.bed import visit_of
from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.mapping.codes import BED_CODE, CAMERA_CODE, VISITS
from tianfu.apps.newborn.mapping.visits import Booked
from tianfu.apps.newborn.model.binding import SCANS_WITHIN, Binding, Code, Scan, bound
from tianfu.apps.newborn.queries.facts import read_facts
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Fault, Refusal
from tianfu.records.searching import SearchRequest
from tianfu.services.realtime.kept import KeptScan

CODE_CHARACTERS_MAX = 128


async def scan_code(
    house: House, caller: Caller, nurse: str, visit: str, code: Code, text: str, *, now: Instant
) -> None:
    """Keep one scan; with the third of them, what they say must be what the ward's records say.

    Scans of more than two minutes ago are begun anew.  Raises Refusal `not-found`, `scan-unusable`, `bed-unknown`,
    `camera-unknown` or as `bound` does; what was refused is in the trail, and the scans begin anew.
    """
    booked = await visit_of(house, caller, visit)
    value = await _meaning(house, code, text)
    kept = await house.rooms.scans(visit)
    if kept and now - min(each.at for each in kept) > SCANS_WITHIN:
        await house.rooms.forget_scans(visit)
    await house.rooms.scan(visit, KeptScan(code=code.value, value=value, by=nurse, at=now))
    scans = scans_of(await house.rooms.scans(visit))
    try:
        if {each.code for each in scans} == set(Code):
            binding = await binding_said(house, booked, scans, now=now)
            if binding.baby != booked.baby:
                raise Refusal("another-baby", next_step="scan-again")
    except Refusal as refusal:
        await house.rooms.forget_scans(visit)
        facts = {"visit": visit}
        await house.trail.did(caller, "scan-code", patient=booked.baby, outcome=refusal.code, facts=facts)
        raise
    facts = {"visit": visit, "code": code.value}
    await house.trail.did(caller, "scan-code", patient=booked.baby, facts=facts)


def scans_of(kept: Sequence[KeptScan]) -> list[Scan]:
    """Kept scans as the rules know them."""
    return [Scan(code=Code(each.code), value=each.value, by=each.by, at=each.at) for each in kept]


async def binding_said(house: House, booked: Booked, scans: Sequence[Scan], *, now: Instant) -> Binding:
    """What three scans say, measured by the records as they are now; raises Refusal as `bound` does."""
    cameras = {each.value for each in scans if each.code is Code.CAMERA}
    facts = await read_facts(house.store, [booked], cameras, house.digest, now=now)
    return bound(scans, facts[booked.id].known, now=now)


async def _meaning(house: House, code: Code, text: str) -> str:
    """What a code stands for: a bed's or a camera's id, a wristband's digest."""
    tidy = text.strip()
    if not tidy or len(tidy) > CODE_CHARACTERS_MAX or not tidy.isprintable():
        raise Refusal("scan-unusable", faults=(Fault(code.value, "scan-needed"),))
    match code:
        case Code.WRISTBAND:
            return house.digest(tidy)
        case Code.BED:
            return await _named(house, "Location", BED_CODE, tidy, "bed-unknown")
        case Code.CAMERA:
            return await _named(house, "Device", CAMERA_CODE, tidy, "camera-unknown")


async def _named(house: House, kind: str, system: str, label: str, refused: str) -> str:
    """The one record with a label; two with the same say nothing."""
    escaped = label.replace("\\", "\\\\").replace("|", "\\|").replace(",", "\\,").replace("$", "\\$")
    wanted = SearchRequest(type=kind, parameters=(("identifier", f"{system}|{escaped}"),))
    page = await house.store.search(VISITS, Purpose.TREATMENT, wanted)
    if len(page.records) != 1:
        raise Refusal(refused, next_step="scan-again")
    return page.records[0].id
