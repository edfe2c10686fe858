"""What this server can do (https://hl7.org/fhir/R4/http.html#capabilities)."""

from __future__ import annotations

from tianfu.gateways.fhir.addresses import Target
from tianfu.gateways.fhir.capability import capability_statement
from tianfu.gateways.fhir.door import Visit
from tianfu.gateways.fhir.exchange import Answer


async def capabilities(visit: Visit, target: Target) -> Answer:
    """The CapabilityStatement."""
    del target
    door = visit.door
    body = capability_statement(
        visit.request.base, at=door.started_at, searchable=door.store.searchable, sign_in=door.sign_in
    )
    return Answer(status=200, body=body)
