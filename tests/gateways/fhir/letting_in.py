"""Tickets and doors for tests of who may do what at the FHIR door."""

from __future__ import annotations

from dataclasses import replace

import httpx

from tests.web.letting_in import OFFICE, MemoryBuckets, MemoryEnds, doorkeeping
from tianfu.access.caller import LOOPBACK, Caller
from tianfu.access.purpose import Purpose
from tianfu.gateways.fhir.admission import Doorkeeper
from tianfu.gateways.fhir.application import FhirApplication, fhir_application
from tianfu.kernel.ids import new_uuid7
from tianfu.kernel.instants import SECOND, Instant, system_clock
from tianfu.records.store import Store
from tianfu.services.tickets.ticket import Audience, Ticket


def ticket(caller: Caller, *purposes: Purpose, audience: Audience = Audience.MACHINES) -> str:
    """A ticket that is good for five minutes from now."""
    now = Instant(system_clock() // SECOND * SECOND)
    session = new_uuid7()
    return OFFICE.write(
        Ticket(
            id=session,
            audience=audience,
            caller=replace(caller, session=session),
            purposes=purposes or (Purpose.TREATMENT,),
            since=now,
            until=Instant(now + 300 * SECOND),
        )
    )


def bearer(caller: Caller, *purposes: Purpose) -> dict[str, str]:
    """The header that lets a caller in."""
    return {"authorization": f"Bearer {ticket(caller, *purposes)}"}


def door_of(
    store: Store, *, is_production: bool, buckets: MemoryBuckets | None = None, ends: MemoryEnds | None = None
) -> FhirApplication:
    """A FHIR door that takes tickets of `OFFICE`."""
    kept = doorkeeping(desk=None if is_production else LOOPBACK, buckets=buckets, ends=ends)
    doorkeeper = Doorkeeper(callers=kept.callers, limiter=kept.limiter, is_production=is_production)
    return fhir_application(store, clock=system_clock, doorkeeper=doorkeeper)


def client_of(door: FhirApplication) -> httpx.AsyncClient:
    """A client on this machine."""
    transport = httpx.ASGITransport(door)  # type: ignore[arg-type]  # httpx types ASGI's callables more narrowly
    return httpx.AsyncClient(transport=transport, base_url="http://localhost/fhir/")
