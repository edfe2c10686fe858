"""The door for pictures on a fresh database, in front of a real media server in a process of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, cast

import httpx
import pytest

from tests.made_up_keys import made_up_keys
from tests.services.accounts.oauth.made_up import MovableClock
from tests.services.realtime.devices import MadeUpDevice
from tests.services.realtime.made import CAMERA, VIEWER, Client, sources_of
from tests.services.realtime.running import Running, embedded
from tests.trails import auditor_of, close_trails
from tests.web.letting_in import doorkeeping
from tianfu.access.caller import Caller
from tianfu.db import Database, Query
from tianfu.gateways.media.door import WHEP_PATH, WHIP_PATH, MediaDoor
from tianfu.kernel.instants import SECOND, Instant
from tianfu.records.keys import open_keyring
from tianfu.services.realtime.doors import Doors
from tianfu.services.realtime.grants import Grants
from tianfu.services.realtime.port import MediaPort
from tianfu.services.realtime.protocol.grants import Action, Ticket
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.trail import RoomTrail
from tianfu.services.realtime.turn import Relay

ADDRESS = "http://localhost"
MOTHER = Caller(id="0192-made-up-mother", role="citizen")
NURSE = Caller(id="0192-made-up-nurse", role="nurse")
SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
LEASE_SECONDS = 25.0


@dataclass
class Ward:
    """Everything around one door, and short ways to say what a test does."""

    database: Database
    running: Running
    grants: Grants
    clock: MovableClock
    http: httpx.AsyncClient
    mother: MadeUpDevice = field(default_factory=MadeUpDevice)
    cart: MadeUpDevice = field(default_factory=MadeUpDevice)

    @property
    def media(self) -> MediaPort:
        return self.running.port

    def ticket(self, action: Action = Action.WHEP_VOICE, **more: Any) -> Ticket:
        """What the mother, or for a camera the cart, shall be let in for."""
        is_camera = action is Action.WHIP_CAMERA
        said: dict[str, Any] = {
            "action": action,
            "visit": "" if is_camera else "visit-1",
            "camera": "bed-1" if is_camera else "",
            "part": Part.BEDSIDE if is_camera else Part.FAMILY,
            "device": (self.cart if is_camera else self.mother).thumbprint,
            "slot_until": Instant(self.clock() + 600 * SECOND),
            **more,
        }
        return Ticket(**said)

    async def grant(self, action: Action = Action.WHEP_VOICE, *, who: Caller = MOTHER, **more: Any) -> str:
        return (await self.grants.issue(who, self.ticket(action, **more))).text

    async def post(
        self,
        path: str,
        device: MadeUpDevice,
        grant: str,
        offer: str,
        *,
        claims: dict[str, Any] | None = None,
        **more: Any,
    ) -> httpx.Response:
        """An offer as a page sends it."""
        place = {"camera": "bed-1"} if path == WHIP_PATH else {"visit": "visit-1"}
        proof = device.proof("POST", f"{ADDRESS}{path}", content=offer, grant=grant, **(place | (claims or {})))
        headers = {"authorization": f"Bearer {grant}", "dpop": proof, **({"content-type": SDP} if offer else {})}
        return await self.http.post(path, content=offer, headers=headers | more)

    async def patch(
        self, location: str, device: MadeUpDevice, body: str, kind: str = FRAGMENT, **headers: str
    ) -> httpx.Response:
        said = {"content-type": kind, "dpop": device.proof("PATCH", f"{ADDRESS}{location}", content=body), **headers}
        return await self.http.patch(location, content=body, headers=said)

    async def camera(self) -> tuple[Client, httpx.Response]:
        """A cart that publishes by the door."""
        client = Client()
        offer = await client.peer.offer(CAMERA, video=("H264",))
        answer = await self.post(WHIP_PATH, self.cart, await self.grant(Action.WHIP_CAMERA, who=NURSE), offer)
        assert answer.status_code == 201, answer.text
        await client.peer.accept(answer.text)
        await client.connected()
        return client, answer

    async def viewer(self) -> tuple[Client, httpx.Response]:
        """The mother, who joins by the door."""
        client = Client()
        offer = await client.peer.offer(VIEWER, video=("H264", "VP8"))
        answer = await self.post(WHEP_PATH, self.mother, await self.grant(), offer)
        assert answer.status_code == 201, answer.text
        await client.peer.accept(answer.text)
        client.sources = sources_of(answer.text)
        await client.connected()
        return client, answer

    async def told(self) -> list[tuple[str, str, str, str]]:
        """The trace of the doors, oldest first: who, what, how it ended, and what else is told."""
        text = """select caller, interaction, outcome, coalesce(query, '') from audit
          where interaction like '%%room%%' order by seq"""
        async with self.database.connection("owner") as owner:
            return [tuple(row) for row in await owner.all(Query.composed("told", text))]  # type: ignore[misc]  # four texts

    async def all_rows(self) -> str:
        """Everything that the two tables hold, as text."""
        text = """select (select coalesce(string_agg(g::text, ' '), '') from room_grant g)
          || (select coalesce(string_agg(c::text, ' '), '') from room_connection c)"""
        async with self.database.connection("owner") as owner:
            [row] = await owner.all(Query.composed("rows", text))
        return str(row[0])


@pytest.fixture
async def ward(database: Database) -> AsyncIterator[Ward]:
    clock = MovableClock()
    auditor = await auditor_of(database)
    keyring = await open_keyring(database, made_up_keys(b"k" * 32))
    async with embedded() as running:
        grants = Grants(database, keyring.index_secret, running.port, RoomTrail(auditor, clock), clock)
        relay = Relay(("turn:relay.example:3478?transport=udp",), b"made-up-secret-of-the-relay")
        door = MediaDoor(Doors(grants, running.port), grants, relay, doorkeeping().limiter, is_production=False)
        transport = httpx.ASGITransport(cast("Any", door))
        async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as http:
            yield Ward(database, running, grants, clock, http)
    close_trails()
