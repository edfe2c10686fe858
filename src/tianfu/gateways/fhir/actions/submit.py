"""A bundle of requests: a transaction, done whole or not at all, or a batch, each by itself.

https://hl7.org/fhir/R4/http.html#transaction
"""

from __future__ import annotations

from tianfu.gateways.fhir.actions.write import resource_body
from tianfu.gateways.fhir.addresses import Target
from tianfu.gateways.fhir.bundles import bundle
from tianfu.gateways.fhir.door import Visit
from tianfu.gateways.fhir.exchange import Answer


async def submit(visit: Visit, target: Target) -> Answer:
    """Do a bundle and answer with one entry for each of its requests, in their order."""
    del target
    request = visit.request
    body = await resource_body(request)
    done = await visit.door.store.submit(request.caller, request.purpose, body)
    return Answer(
        status=200,
        body=bundle(f"{done.kind}-response", at=visit.door.clock(), links=[], total=None, entries=done.entries),
    )
