"""A new version of a record (https://hl7.org/fhir/R4/http.html#update), named by its id or by a condition."""

from __future__ import annotations

from tianfu.gateways.fhir.actions.write import criteria, record_of, resource_for, wanted_version
from tianfu.gateways.fhir.addresses import Target
from tianfu.gateways.fhir.answers import written_answer
from tianfu.gateways.fhir.door import Visit
from tianfu.gateways.fhir.exchange import Answer
from tianfu.records.outcomes import Unchanged, Written


async def update(visit: Visit, target: Target) -> Answer:
    """Update, or create under the client's id; with If-Match only if that version stands."""
    request = visit.request
    resource = await resource_for(request, target)
    done = await visit.door.store.update(
        request.caller,
        request.purpose,
        resource,
        target.id,
        expected_version=wanted_version(request),
    )
    return await _answer(visit, done)


async def update_where(visit: Visit, target: Target) -> Answer:
    """Update the one record that matches, or create it if none does."""
    request = visit.request
    condition = criteria(request)
    resource = await resource_for(request, target)
    done = await visit.door.store.update_matching(
        request.caller,
        request.purpose,
        resource,
        condition,
        expected_version=wanted_version(request),
    )
    return await _answer(visit, done)


async def _answer(visit: Visit, done: Written | Unchanged) -> Answer:
    is_created = isinstance(done, Written) and done.is_created
    return written_answer(
        visit.request,
        await record_of(visit, done),
        status=201 if is_created else 200,
        is_created=is_created,
        language=visit.language,
        done="created" if is_created else "updated",
    )
