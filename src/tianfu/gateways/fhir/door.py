"""What an interaction needs beside its request: the record store and the time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tianfu.gateways.fhir.admission import Doorkeeper
from tianfu.gateways.fhir.exchange import Request
from tianfu.kernel.instants import Clock, Instant
from tianfu.records.store import Store
from tianfu.web.languages import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """The parts that all interactions share.

    `sign_in` are the addresses where programs sign in, by SMART's names of them; empty where there are none.
    """

    store: Store
    clock: Clock
    started_at: Instant
    doorkeeper: Doorkeeper
    sign_in: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request, the door it came through, and the language of its answer's sentences."""

    door: Door
    request: Request
    language: Language
