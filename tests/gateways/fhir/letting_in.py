"""Callers and doors for tests of who may do what at the FHIR door."""

from __future__ import annotations

import httpx

from tests.desk import DESK
from tests.web.letting_in import MemoryBuckets, doorkeeping, word_for
from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.gateways.fhir.admission import Doorkeeper
from tianfu.gateways.fhir.application import FhirApplication, fhir_application
from tianfu.kernel.instants import system_clock
from tianfu.records.store import Store


def bearer(caller: Caller, *purposes: Purpose) -> dict[str, str]:
    """The header that lets a caller in."""
    return {"authorization": f"Bearer {word_for(caller, *purposes, door='machines')}"}


def door_of(store: Store, *, is_production: bool, buckets: MemoryBuckets | None = None) -> FhirApplication:
    """A FHIR door; in development whoever shows nothing is the desk."""
    kept = doorkeeping(desk=None if is_production else DESK, buckets=buckets)
    doorkeeper = Doorkeeper(callers=kept.callers, limiter=kept.limiter, is_production=is_production)
    return fhir_application(store, clock=system_clock, doorkeeper=doorkeeper)


def client_of(door: FhirApplication) -> httpx.AsyncClient:
    """A client on this machine."""
    transport = httpx.ASGITransport(door)  # type: ignore[arg-type]  # httpx types ASGI's callables more narrowly
    return httpx.AsyncClient(transport=transport, base_url="http://localhost/fhir/")
