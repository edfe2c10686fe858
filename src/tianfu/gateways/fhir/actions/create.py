"""A new record under an id that the server makes (https://hl7.org/fhir/R4/http.html#create)."""

from __future__ import annotations

from tianfu.gateways.fhir.actions.write import if_none_exist, record_of, resource_for
from tianfu.gateways.fhir.addresses import Target
from tianfu.gateways.fhir.admission import tells_who
from tianfu.gateways.fhir.answers import written_answer
from tianfu.gateways.fhir.door import Visit
from tianfu.gateways.fhir.exchange import Answer, read_form
from tianfu.records.outcomes import Written


async def create(visit: Visit, target: Target) -> Answer:
    """Create; with If-None-Exist only if nothing matches, else answer with what is there."""
    request = visit.request
    resource = await resource_for(request, target)
    condition = if_none_exist(request)
    if condition and tells_who(name for name, _ in read_form(condition.encode())):
        await visit.door.doorkeeper.count(request.admitted, "identity-search")
    done = await visit.door.store.create(
        request.caller,
        request.purpose,
        resource,
        if_none_exist=condition,
    )
    is_created = isinstance(done, Written)
    return written_answer(
        request,
        await record_of(visit, done),
        status=201 if is_created else 200,
        is_created=True,
        language=visit.language,
        done="created" if is_created else "already-there",
    )
