"""Transaction and batch bundles: together or not at all, references resolved in memory."""

from __future__ import annotations

import orjson
import pytest
from tests.records.conftest import WHO, WHY, Desk, entry, patient

from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Found, Page, Unchanged, Written
from tianfu.standards.fhir.parsing import parse_bundle

pytestmark = pytest.mark.anyio


def observation(subject: str) -> dict[str, object]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": subject}}


async def test_references_between_entries_become_the_new_ids(desk: Desk) -> None:
    born, seen = await desk.transaction(
        entry("POST", "Patient", patient(), "urn:uuid:0f0b2c7e-0000-4000-8000-000000000001"),
        entry("POST", "Observation", observation("urn:uuid:0f0b2c7e-0000-4000-8000-000000000001")),
    )
    assert isinstance(born.outcome, Written)
    assert isinstance(seen.outcome, Written)
    value = await desk.found("Observation", seen.outcome.id)
    assert value["subject"]["reference"] == f"Patient/{born.outcome.id}"
    assert await desk.ids("Observation", ("patient", born.outcome.id)) == [seen.outcome.id]


async def test_one_bad_entry_leaves_nothing_of_the_others(desk: Desk) -> None:
    with pytest.raises(Refusal) as refused:
        await desk.transaction(entry("POST", "Patient", patient()), entry("POST", "Patient", patient(gender="blue")))
    assert [fault.path for fault in refused.value.faults] == ["Bundle.entry[1].resource.Patient.gender"]
    assert await desk.count("resource") == 0
    assert await desk.count("feed") == 0


async def test_a_version_conflict_inside_rolls_everything_back(desk: Desk) -> None:
    first = await desk.create(**patient())
    with pytest.raises(Refusal, match="version-conflict"):
        await desk.transaction(
            entry("POST", "Patient", patient()),
            entry("PUT", f"Patient/{first.id}", patient(id=first.id), ifMatch='W/"9"'),
        )
    assert await desk.count("resource") == 1


async def test_an_unresolved_local_reference_is_refused_with_its_entry(desk: Desk) -> None:
    with pytest.raises(Refusal) as refused:
        await desk.transaction(
            entry("POST", "Observation", observation("urn:uuid:0f0b2c7e-0000-4000-8000-00000000ffff"))
        )
    assert refused.value.faults[0].code == "reference-unresolved"
    assert refused.value.faults[0].path == "Bundle.entry[0].resource"


async def test_a_conditional_reference_finds_its_one_match(desk: Desk) -> None:
    there = await desk.create(**patient(identifier=[{"system": "urn:id", "value": "5"}]))
    (answer,) = await desk.transaction(entry("POST", "Observation", observation("Patient?identifier=urn:id|5")))
    assert isinstance(answer.outcome, Written)
    value = await desk.found("Observation", answer.outcome.id)
    assert value["subject"]["reference"] == f"Patient/{there.id}"
    with pytest.raises(Refusal) as refused:
        await desk.transaction(entry("POST", "Observation", observation("Patient?identifier=urn:id|6")))
    assert refused.value.faults[0].code == "reference-matches-none"


async def test_the_same_record_twice_in_a_bundle_is_refused(desk: Desk) -> None:
    with pytest.raises(Refusal) as refused:
        await desk.transaction(entry("PUT", "Patient/a", patient(id="a")), entry("DELETE", "Patient/a"))
    assert refused.value.faults[0].code == "record-twice-in-bundle"


async def test_reads_in_a_bundle_see_its_writes_and_deletes_happen(desk: Desk) -> None:
    old = await desk.create(**patient(gender="male"))
    answers = await desk.transaction(
        entry("GET", "Patient/new"),
        entry("PUT", "Patient/new", patient(id="new", gender="female")),
        entry("DELETE", f"Patient/{old.id}"),
        entry("GET", "Patient?gender=male"),
    )
    read, put, deleted, searched = (each.outcome for each in answers)
    assert isinstance(read, Found)
    assert isinstance(put, Written)
    assert isinstance(deleted, Written)
    assert isinstance(searched, Page)
    assert searched.records == ()


async def test_posting_the_same_bundle_twice_makes_new_records(desk: Desk) -> None:
    wish = entry("POST", "Patient", patient(id="client-id"), "urn:uuid:0f0b2c7e-0000-4000-8000-000000000001")
    await desk.transaction(wish)
    await desk.transaction(wish)
    assert await desk.count("resource") == 2


async def test_a_batch_does_what_it_can(desk: Desk) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [
            entry("POST", "Patient", patient(gender="blue")),
            entry("POST", "Patient", patient(gender="male")),
            entry("GET", "Patient/none"),
        ],
    }
    bad, good, read = await desk.store.batch(WHO, WHY, parse_bundle(orjson.dumps(bundle)))
    assert isinstance(bad.outcome, Refusal)
    assert isinstance(good.outcome, Written)
    assert read.request.index == 2
    assert await desk.count("resource") == 1


async def test_a_conditional_create_in_a_bundle_gives_others_the_matched_id(desk: Desk) -> None:
    there = await desk.create(**patient(identifier=[{"system": "urn:id", "value": "5"}]))
    matched, seen = await desk.transaction(
        entry(
            "POST",
            "Patient",
            patient(identifier=[{"system": "urn:id", "value": "5"}]),
            "urn:uuid:0f0b2c7e-0000-4000-8000-000000000001",
            ifNoneExist="identifier=urn:id|5",
        ),
        entry("POST", "Observation", observation("urn:uuid:0f0b2c7e-0000-4000-8000-000000000001")),
    )
    assert isinstance(matched.outcome, Unchanged)
    assert isinstance(seen.outcome, Written)
    value = await desk.found("Observation", seen.outcome.id)
    assert value["subject"]["reference"] == f"Patient/{there.id}"
