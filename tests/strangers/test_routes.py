"""What the running application answers, held against docs/reference/permissions.md in both directions."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any, cast, get_args

import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from tests.permission_table import interaction_rows, kind_rows, media_rows, page_rows, program_rows
from tests.strangers.installation import Installation, installation_of
from tests.strangers.people import Kind
from tianfu.db import Addresses
from tianfu.gateways.fhir.addresses import target_of
from tianfu.gateways.fhir.application import _HANDLERS, BASE_SEGMENT, FhirApplication
from tianfu.gateways.media.door import BASE_SEGMENT as MEDIA_SEGMENT
from tianfu.gateways.media.door import CONNECTION_PATH, VOICE, MediaDoor
from tianfu.gateways.smart.door import SmartDoor
from tianfu.kernel.refusal import Refusal

pytestmark = pytest.mark.anyio

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
PARTS = (
    "Condition",
    "Patient",
    "AuditEvent",
    "record-1",
    "1",
    "_search",
    "_history",
    "metadata",
    "$everything",
    "$export",
)
"""Everything that a FHIR address may be made of, and an operation that is not offered."""


def test_every_kind_of_stranger_has_its_row_and_every_row_its_kind() -> None:
    assert [row.kind for row in kind_rows()] == list(get_args(Kind))


async def test_the_application_has_the_doors_and_the_routes_of_the_table_and_no_others(
    addresses: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with installation_of(addresses, tmp_path, monkeypatch) as here:
        assert pages_of(here) == {(row.method, row.path): row.purpose for row in page_rows()}
        assert pictures_of(here) == {(row.method, row.path) for row in media_rows()}
        assert programs_of(here) == {(row.method, row.path) for row in program_rows()}
        assert interactions_of(here) == set(_HANDLERS) == {row.interaction for row in interaction_rows()}


def pages_of(here: Installation) -> dict[tuple[str, str], str]:
    """Method, path and purpose of every route of the site."""
    found: dict[tuple[str, str], str] = {}
    for route in cast("Litestar", here.application._site).routes:
        assert isinstance(route, HTTPRoute), route.path
        for method, (handler, _) in route.route_handler_map.items():
            if method != "OPTIONS":
                purpose = str(handler.opt.get("purpose", "the role's first"))
                found[method, route.path] = "open" if handler.opt.get("open") else purpose
    return found


def programs_of(here: Installation) -> set[tuple[str, str]]:
    """Method and path of every address at the door for programs; each is sent to that door and no other."""
    doors = {cast("Any", door) for door in here.application._addresses.values()}
    [door] = doors
    assert isinstance(door, SmartDoor)
    assert set(here.application._addresses) == door.paths
    return {(method, path) for path, methods in door._handlers.items() for method in methods if method != "HEAD"}


def pictures_of(here: Installation) -> set[tuple[str, str]]:
    """Method and path of every address at the door for pictures; an address of a connection ends with its secret."""
    door = cast("Any", here.application._doors[MEDIA_SEGMENT])
    assert isinstance(door, MediaDoor)
    secret = f"{CONNECTION_PATH}{{secret}}"
    written = {CONNECTION_PATH: secret, VOICE: f"{secret}{VOICE}"}
    return {(method, written.get(path, path)) for path, methods in door._at.items() for method in methods}


def interactions_of(here: Installation) -> set[str]:
    """Every interaction that some request to the FHIR door comes to; there is no other door of its kind."""
    assert set(here.application._doors) == {BASE_SEGMENT, MEDIA_SEGMENT}
    assert isinstance(cast("Any", here.application._doors[BASE_SEGMENT]), FhirApplication)
    found: set[str] = set()
    for method in METHODS:
        for length in range(5):
            for segments in product(PARTS, repeat=length):
                try:
                    found.add(target_of(method, segments).interaction)
                except Refusal:
                    continue
    return found
