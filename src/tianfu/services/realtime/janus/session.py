"""A session with Janus and its handles: each is one end of one WebRTC connection.

https://janus.conf.meetecho.com/docs/rest.html , /auth.html and /admin.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tianfu.services.realtime.janus.configuration import read_address
from tianfu.services.realtime.janus.line import JanusRefused, Line, Message, plugin_data, unavailable

GONE_LOOK_SECONDS = 0.005
GONE_LOOKS_MAX = 400
"""A connection is gone at once; after two seconds of looking something is wrong."""

VIDEO_ROOM = "janus.plugin.videoroom"


class Said(NamedTuple):
    """What a plugin said, and the description of a session that came with it (empty: none)."""

    data: Message
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What went out over a connection so far, what stands in its queue, and how long it could be sent again.

    `round_trip_ms` is None before the other end's first report.
    """

    packets: int
    lost: int
    queued: int
    repeatable_seconds: float
    bytes_last_second: int
    round_trip_ms: float | None


class Secrets(NamedTuple):
    """What each line must say."""

    api: str
    admin: str


class Session:
    """Both lines to Janus.  `lost` is done when Janus is gone, or has ended the session."""

    def __init__(self, folder: Path) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._folder = folder
        self._secrets = Secrets("", "")
        self._line = Line(self._heard, self._ended)
        self._admin = Line(lambda _: None, self._ended)
        self._number = 0
        self._handles: dict[int, Handle] = {}

    async def begin(self) -> None:
        """Connect and begin; raises Refusal `media-unavailable`."""
        try:
            address = await asyncio.to_thread(read_address, self._folder)
            self._secrets = Secrets(address.api_secret, address.admin_secret)
            await self._line.connect(address.api)
            await self._admin.connect(address.admin)
            self._number = (await self._ask({"janus": "create"}))["data"]["id"]
        except (OSError, ValueError, JanusRefused) as error:
            self.end()
            raise unavailable() from error

    def end(self) -> None:
        """Hang up; Janus then ends all that was begun over this line.  Safe to repeat."""
        self._line.hang_up()
        self._admin.hang_up()
        self._ended()

    async def stay(self) -> None:
        """Tell Janus that we are there; raises Refusal or JanusRefused."""
        await self._ask({"janus": "keepalive", "session_id": self._number}, is_acknowledged=True)

    async def attach(self) -> Handle:
        """A new handle in the plugin of rooms."""
        said = await self._ask({"janus": "attach", "session_id": self._number, "plugin": VIDEO_ROOM})
        handle = Handle(self, said["data"]["id"])
        self._handles[handle.number] = handle
        return handle

    async def tell(self, handle: Handle, message: Message) -> Message:
        """Ask something of a handle."""
        return await self._ask({**message, "session_id": self._number, "handle_id": handle.number})

    async def trickle(self, handle: Handle, candidate: Message) -> None:
        """Tell one address of the other end of a handle, or that there are no more."""
        message = {"janus": "trickle", "candidate": candidate}
        named = {**message, "session_id": self._number, "handle_id": handle.number}
        await self._ask(named, is_acknowledged=True)

    async def information(self, handle: Handle) -> Message:
        """What Janus knows of a handle, packet counts included."""
        asked = {
            "janus": "handle_info",
            "session_id": self._number,
            "handle_id": handle.number,
            "admin_secret": self._secrets.admin,
        }
        found: Message = (await self._admin.ask(asked))["info"]
        return found

    def forget(self, handle: Handle) -> None:
        """Hear nothing more of a handle."""
        self._handles.pop(handle.number, None)

    async def _ask(self, message: Mapping[str, Any], *, is_acknowledged: bool = False) -> Message:
        secret = {"apisecret": self._secrets.api}
        return await self._line.ask({**message, **secret}, is_acknowledged=is_acknowledged)

    def _heard(self, said: Message) -> None:
        what = said.get("janus")
        if what == "timeout":
            self.end()
            return
        handle = self._handles.get(said.get("sender", 0))
        if handle is None:
            return
        if what == "webrtcup":
            handle.up.set()
            handle.connected()
        elif what in {"hangup", "detached"}:
            handle.up.clear()
            handle.ended()

    def _ended(self) -> None:
        if not self.lost.done():
            self.lost.set_result(None)


@dataclass(eq=False)
class Handle:
    """One end; `connected` and `ended` are told of its WebRTC connection."""

    session: Session
    number: int
    up: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while its WebRTC connection stands, as Janus sees it."""
    connected: Callable[[], None] = field(default=lambda: None)
    ended: Callable[[], None] = field(default=lambda: None)

    @property
    def is_up(self) -> bool:
        """Whether its WebRTC connection stands."""
        return self.up.is_set()

    async def ask(self, body: Message, *, offer: str = "", answer: str = "") -> Said:
        """Ask the plugin; raises JanusRefused, or Refusal `media-unavailable` or `offer-malformed` (too long)."""
        message: dict[str, object] = {"janus": "message", "body": body}
        if offer or answer:
            message["jsep"] = {"type": "offer" if offer else "answer", "sdp": offer or answer}
        said = await self.session.tell(self, message)
        return Said(plugin_data(said), said.get("jsep", {}).get("sdp", ""))

    async def learn_addresses(self, candidates: Sequence[str], *, is_last: bool) -> None:
        """Tell Janus more addresses of the other end; raises JanusRefused or Refusal `media-unavailable`."""
        told: list[Message] = [{"candidate": f"candidate:{each}", "sdpMLineIndex": 0} for each in candidates]
        if is_last:
            told.append({"completed": True})
        for each in told:
            await self.session.trickle(self, each)

    async def sent(self) -> Sent:
        """How much went out over it, all its streams together."""
        found = await self.session.information(self)
        media = [each for each in found.get("webrtc", {}).get("media", {}).values() if each["type"] != "data"]
        reports = [each.get("rtcp", {}).get("main", {}) for each in media]
        trips = [each["rtt"] for each in reports if each.get("rtt")]
        return Sent(
            packets=sum(each["stats"]["out"]["packets"] for each in media),
            lost=sum(each.get("lost-by-remote", 0) for each in reports),
            queued=found.get("queued-packets", 0),
            repeatable_seconds=max((each["nack-queue-ms"] for each in media if each["do_nacks"]), default=0) / 1_000,
            bytes_last_second=sum(each["stats"]["out"].get("bytes_lastsec", 0) for each in media),
            round_trip_ms=float(max(trips)) if trips else None,
        )

    async def detach(self) -> None:
        """End it, and its connection, and wait until Janus knows nothing more of it; safe to repeat.

        Raises Refusal `media-unavailable`.
        """
        self.session.forget(self)
        with suppress(JanusRefused):  # it is gone already
            await self.session.tell(self, {"janus": "detach"})
            for _ in range(GONE_LOOKS_MAX):
                await self.session.information(self)
                await asyncio.sleep(GONE_LOOK_SECONDS)
            raise unavailable()
