"""One record, now or in an earlier version (https://hl7.org/fhir/R4/http.html#read)."""

from __future__ import annotations

from tianfu.gateways.fhir.addresses import Target
from tianfu.gateways.fhir.answers import record_answer, record_or_refusal
from tianfu.gateways.fhir.door import Visit
from tianfu.gateways.fhir.exchange import Answer
from tianfu.kernel.refusal import Refusal


async def read(visit: Visit, target: Target) -> Answer:
    """The version that stands now."""
    request = visit.request
    found = await visit.door.store.read(request.caller, request.purpose, target.type, target.id)
    return record_answer(request, record_or_refusal(found))


async def read_version(visit: Visit, target: Target) -> Answer:
    """One version; an address without a number that a version can have leads nowhere."""
    request = visit.request
    if target.version < 1:
        raise Refusal("not-found", next_step="check-the-address")
    found = await visit.door.store.vread(request.caller, request.purpose, target.type, target.id, target.version)
    return record_answer(request, record_or_refusal(found))
