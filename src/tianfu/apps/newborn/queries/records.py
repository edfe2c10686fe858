"""Reading and writing records about babies, in whose name it is told with each call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import orjson

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.mapping.codes import PHYSICAL_TYPE, VISITS, WARD
from tianfu.apps.newborn.mapping.visits import Element, Resource, id_in
from tianfu.apps.newborn.ports import RecordStore
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Found, Record
from tianfu.records.searching import SearchRequest
from tianfu.standards.fhir.parsing import parse_bundle, parse_resource

FAMILY = Purpose.PATIENT_REQUEST
WARD_WORK = Purpose.TREATMENT
PLATFORM = Purpose.TREATMENT
PAGE = 100


async def found_by(store: RecordStore, caller: Caller, why: Purpose, kind: str, **fields: str) -> tuple[Record, ...]:
    """Records that match, all of them; raises Refusal `too-many-records` rather than leave one out.

    For what cannot be many, such as what is open now or bears one identifier: whatever a family, a ward or the
    years can make many is `found_all`.
    """
    parameters = (*((name.replace("_", "-"), value) for name, value in fields.items()), ("_count", str(PAGE)))
    page = await store.search(caller, why, SearchRequest(type=kind, parameters=parameters))
    if page.next_cursor is not None:
        raise Refusal("too-many-records", next_step="call-operator", details={"type": kind})
    return page.records


async def found_all(store: RecordStore, caller: Caller, why: Purpose, kind: str, **fields: str) -> tuple[Record, ...]:
    """Records that match, however many pages they are."""
    parameters = (*((name.replace("_", "-"), value) for name, value in fields.items()), ("_count", str(PAGE)))
    page = await store.search(caller, why, SearchRequest(type=kind, parameters=parameters))
    found = list(page.records)
    while page.next_cursor is not None:
        page = await store.search(caller, why, SearchRequest(type=kind, parameters=(("_cursor", page.next_cursor),)))
        found += page.records
    return tuple(found)


async def read_all(
    store: RecordStore, caller: Caller, why: Purpose, wanted: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], Record]:
    """Those of these records that the caller may see."""
    asked = list(dict.fromkeys(each for each in wanted if each[1]))
    answers = await store.read_many(caller, why, asked) if asked else ()
    return {each: answer.record for each, answer in zip(asked, answers, strict=True) if isinstance(answer, Found)}


async def read_one(store: RecordStore, caller: Caller, why: Purpose, kind: str, logical_id: str) -> Record:
    """One record; raises Refusal `not-found`, also where he may not know of it."""
    found = await read_all(store, caller, why, [(kind, logical_id)])
    if (kind, logical_id) not in found:
        raise not_found()
    return found[kind, logical_id]


async def write(store: RecordStore, resource: Resource, *, expected_version: int | None = None) -> None:
    """Write a record in the platform's name, after the rules said yes."""
    parsed = parse_resource(orjson.dumps(resource))
    await store.update(VISITS, PLATFORM, parsed, resource["id"], expected_version=expected_version)


async def write_together(store: RecordStore, caller: Caller, entries: Sequence[Resource]) -> None:
    """Write entries of a transaction bundle for the ward's work, all or none, in the caller's own name."""
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}
    await store.transaction(caller, WARD_WORK, parse_bundle(orjson.dumps(bundle)))


def new(resource: Resource, *, name: str = "", once: str = "") -> Resource:
    """An entry that creates a resource; `name` is how others of the bundle refer to it, `once` what none may match."""
    request = {"method": "POST", "url": str(resource["resourceType"]), **({"ifNoneExist": once} if once else {})}
    return {**({"fullUrl": name} if name else {}), "resource": resource, "request": request}


def changed(resource: Resource, *, version: int | None = None) -> Resource:
    """An entry that writes a resource under its id, if its version is still this one."""
    match = {} if version is None else {"ifMatch": f'W/"{version}"'}
    return {
        "resource": resource,
        "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}", **match},
    }


async def ward_of_unit(store: RecordStore, caller: Caller) -> Record:
    """The ward in which somebody has his place of work; raises Refusal `not-found` for everybody else."""
    if caller.organisation is None:
        raise not_found()
    records = await found_all(store, caller, WARD_WORK, "Location", organization=f"Organization/{caller.organisation}")
    wards = [each for each in records if is_ward(each.value)]
    if len(wards) != 1:
        raise not_found()
    return wards[0]


async def wards_of_stays(
    store: RecordStore, caller: Caller, why: Purpose, stays: Sequence[Element]
) -> dict[str, tuple[str, str]]:
    """The ward and the bed's name of each baby, by its stay; a baby without a bed is not in it."""
    beds = {id_in(each.get("subject"), "Patient"): bed_of(each) for each in stays}
    found = await read_all(store, caller, why, [("Location", bed) for bed in beds.values()])
    answer = {}
    for baby, bed in beds.items():
        record = found.get(("Location", bed))
        if record is not None and baby:
            answer[baby] = (id_in(record.value.get("partOf"), "Location"), str(record.value.get("name", "")))
    return answer


async def stays_in(store: RecordStore, baby: str, ward: str) -> bool:
    """Whether a baby has an open stay in a ward: of the ward's unit, and in no bed of another ward."""
    stays = await found_by(
        store, VISITS, PLATFORM, "Encounter", patient=f"Patient/{baby}", status="in-progress", **{"class": "IMP"}
    )
    beds = [bed_of(each.value) for each in stays]
    found = await read_all(store, VISITS, PLATFORM, [("Location", name) for name in (ward, *beds)])
    return any(is_stay_in(each.value, ward, found) for each in stays)


def is_stay_in(stay: Element, ward: str, found: Mapping[tuple[str, str], Record]) -> bool:
    """Whether an open stay is in a ward, given what was `found` of the ward and of the stay's bed."""
    of_ward, bed = found.get(("Location", ward)), bed_of(stay)
    unit = "" if of_ward is None else id_in(of_ward.value.get("managingOrganization"), "Organization")
    if not unit or id_in(stay.get("serviceProvider"), "Organization") != unit:
        return False
    place = found.get(("Location", bed)) if bed else None
    return not bed or (place is not None and id_in(place.value.get("partOf"), "Location") == ward)


def bed_of(stay: Element) -> str:
    """The bed of a stay now; empty if it has none."""
    active = [each for each in stay.get("location", ()) if each.get("status") == "active"]
    return id_in(active[0].get("location"), "Location") if len(active) == 1 else ""


def is_ward(location: Element) -> bool:
    """Whether a Location is a ward."""
    codings = (location.get("physicalType") or {}).get("coding", ())
    return any(each.get("system") == PHYSICAL_TYPE and each.get("code") == WARD for each in codings)


def not_found() -> Refusal:
    """The answer to what is not there, or is not his."""
    return Refusal("not-found", next_step="check-the-address")
