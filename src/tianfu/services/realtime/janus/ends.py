"""The ends of connections that Janus keeps for us: cameras and voices come in, viewers look."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.embedded.raw_peer import Label
from tianfu.services.realtime.janus.descriptions import (
    has_picture,
    shortened,
    takes,
    ufrag_of,
    without_repetition,
)
from tianfu.services.realtime.janus.line import JanusRefused, Message
from tianfu.services.realtime.janus.session import Handle, Session

NUMBER_BITS = 52
"""Janus's numbers travel as JSON numbers, which are exact up to 53 bits."""

BITS_PER_SECOND_MAX = 2_500_000
ENDS_MAX = 64
"""So many cameras and voices one place has room for."""

QUIET_SECONDS = 0.02
"""Between two looks at what Janus counted as sent: a picture of 25 a second has at least one packet in twice that."""

QUIET_LOOKS = 3
"""So many looks must have found the same number, and nothing in the queue."""

LOOKS_MAX = 100

UP_SECONDS = 3.0
REPEATS_LOOK_SECONDS = 0.1
CLEANED_SECONDS = 1.2
"""Janus cleans its buffers each second, a little late if the machine is busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Janus's room for one camera and for the voices of who looks at it.  Its number is drawn, and says nothing."""

    number: int
    pin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One line of somebody who sends: who, and the name of his line."""

    source: int
    line: str

    @property
    def told(self) -> Message:
        """As Janus is told of it."""
        return {"feed": self.source, "mid": self.line}


@dataclass(eq=False, kw_only=True)
class Sender:
    """A camera or a voice, as Janus has it."""

    handle: Handle
    feeds: Mapping[Label, Feed]
    codec: str
    ufrag: str
    """Of its offer (RFC 8839, section 5.4)."""
    joined_at: float


@dataclass(eq=False, kw_only=True)
class Viewer:
    """Somebody who looks.  `lines` are the lines of his offer; `shown` is what Janus sends him over each.

    He was made the offer at `joined_at`.
    """

    handle: Handle
    lines: Mapping[Label, str]
    shown: dict[Label, Feed]
    codec: str
    joined_at: float
    sent: Mapping[Label, bool] = field(default_factory=dict)
    answer: str = ""
    """His answer; empty until he gave it."""
    answered_at: float = 0.0
    connected_at: float | None = None
    is_open: bool = False
    """Whether something may have been sent to him since he was last silenced."""


async def make_place(session: Session) -> Place:
    """Make a room that nobody finds who is not told of it, in which nothing is recorded."""
    place = Place(number=secrets.randbits(NUMBER_BITS), pin=secrets.token_urlsafe(24))
    handle = await session.attach()
    await handle.ask(
        {
            "request": "create",
            "room": place.number,
            "pin": place.pin,
            "secret": secrets.token_urlsafe(24),
            "is_private": True,
            "permanent": False,
            "publishers": ENDS_MAX,
            "bitrate": BITS_PER_SECOND_MAX,
            "bitrate_cap": True,
            "audiocodec": "opus",
            "videocodec": "h264,vp8",
            "h264_profile": "42e01f",
            "record": False,
            "lock_record": True,
            "notify_joining": False,
            "audiolevel_ext": False,
            "transport_wide_cc_ext": False,
        }
    )
    await handle.detach()
    return place


async def receive(session: Session, place: Place, offer: str, *, sound: Label, at_seconds: float) -> tuple[Sender, str]:
    """Take an offer of a camera or of a voice; its end and the answer.

    Raises Refusal `offer-malformed`, `no-common-codec` or `media-unavailable`.
    """
    short = shortened(offer)
    handle = await session.attach()
    try:
        joining = {
            "request": "joinandconfigure",
            "ptype": "publisher",
            "room": place.number,
            "pin": place.pin,
            "id": secrets.randbits(NUMBER_BITS),
        }
        said = await handle.ask(joining, offer=short)
        if not said.description or (sound == "ward" and "m=video" in short and not has_picture(said.description)):
            raise Refusal("no-common-codec", next_step="use-another-browser")
    except JanusRefused as error:
        await handle.detach()
        raise Refusal("offer-malformed") from error
    except BaseException:
        await asyncio.shield(handle.detach())
        raise
    feeds: dict[Label, Feed] = {}
    codec = ""
    for stream in said.data["streams"]:
        if stream.get("disabled"):
            continue
        label: Label = "video" if stream["type"] == "video" else sound
        if label in feeds:
            continue  # a smaller picture, which nobody is switched to here
        feeds[label] = Feed(source=said.data["id"], line=stream["mid"])
        codec = stream["codec"] if stream["type"] == "video" else codec
    made = Sender(handle=handle, feeds=feeds, codec=codec, ufrag=ufrag_of(offer), joined_at=at_seconds)
    return made, said.description


async def offer_to(session: Session, place: Place, camera: Sender, *, at_seconds: float) -> tuple[Viewer, str]:
    """An end for somebody who looks at a camera, over which nothing flows yet, and the offer to him.

    The line for voices begins at the ward's sound, because Janus makes no line out of nothing; it is closed until
    somebody speaks, and leads to him then.
    """
    shown = dict(camera.feeds)
    if "ward" in shown:
        shown["voice"] = shown["ward"]
    handle = await session.attach()
    try:
        async with asyncio.timeout(UP_SECONDS):  # a camera can be looked at only when its connection stands
            await camera.handle.up.wait()
        joining = {
            "request": "join",
            "ptype": "subscriber",
            "room": place.number,
            "pin": place.pin,
            "autoupdate": False,
            "streams": [shown[label].told for label in shown],
        }
        said = await handle.ask(joining)
        lines = dict(zip(shown, (stream["mid"] for stream in said.data["streams"]), strict=True))
        viewer = Viewer(handle=handle, lines=lines, shown=shown, codec=camera.codec, joined_at=at_seconds)
        await send(viewer, dict.fromkeys(lines, False))
    except (JanusRefused, TimeoutError) as error:
        await handle.detach()
        raise Refusal("camera-away", next_step="wait", retryable=True) from error
    except BaseException:
        await asyncio.shield(handle.detach())
        raise
    return viewer, without_repetition(said.description)


async def begin(viewer: Viewer, answer: str) -> None:
    """Let a connection come about, all its lines closed, and paused; raises Refusal `answer-malformed`."""
    plain = without_repetition(answer)
    if not takes(plain, len(viewer.lines)):
        raise Refusal("answer-malformed")
    await send(viewer, dict.fromkeys(viewer.lines, False))
    try:
        await viewer.handle.ask({"request": "start"}, answer=plain)
    except JanusRefused as error:
        raise Refusal("answer-malformed") from error
    viewer.answer = answer
    await viewer.handle.ask({"request": "pause"})


async def send(viewer: Viewer, wanted: Mapping[Label, bool]) -> None:
    """Open and close lines."""
    changed = {label: is_open for label, is_open in wanted.items() if viewer.sent.get(label) is not is_open}
    if not changed:
        return
    streams = [{"mid": viewer.lines[label], "send": is_open} for label, is_open in changed.items()]
    await viewer.handle.ask({"request": "configure", "streams": streams})
    viewer.sent = {**viewer.sent, **changed}


async def lead(viewer: Viewer, wanted: Mapping[Label, Feed]) -> None:
    """Let lines of a viewer lead to others who send; Janus opens them with that."""
    changed = {label: feed for label, feed in wanted.items() if label in viewer.lines and viewer.shown[label] != feed}
    if not changed:
        return
    streams = [{**feed.told, "sub_mid": viewer.lines[label]} for label, feed in changed.items()]
    said = await viewer.handle.ask({"request": "switch", "streams": streams})
    viewer.shown.update(changed)
    viewer.sent = {**viewer.sent, **dict.fromkeys(changed, True)}
    if said.description:  # a line whose sender was gone is offered again; nothing in it is new to him
        await begin(viewer, viewer.answer)


async def silence(viewer: Viewer) -> None:
    """Close everything, and wait until Janus itself says that it sends nothing more.

    Raises JanusRefused or Refusal if it does not say so: then the connection must be ended.
    """
    if not viewer.is_open:
        return
    await viewer.handle.ask({"request": "pause"})
    await send(viewer, dict.fromkeys(viewer.lines, False))
    await _quiet(viewer)


async def outlive_repeats(viewer: Viewer) -> None:
    """Wait until Janus could send nothing again of what it sent before, even if somebody asked for it.

    Its buffer of sent packets is cleaned once a second of what is older than it says.  Nothing empties it earlier;
    and a viewer's reports can lengthen it meanwhile, so that the longest seen counts.
    """
    if not viewer.is_open:
        return
    waited = longest = 0.0
    while True:
        longest = max(longest, (await viewer.handle.sent()).repeatable_seconds)
        if not longest or waited >= longest + CLEANED_SECONDS:
            break
        await asyncio.sleep(REPEATS_LOOK_SECONDS)
        waited += REPEATS_LOOK_SECONDS
    viewer.is_open = False


async def _quiet(viewer: Viewer) -> None:
    before, looks = -1, 0
    for _ in range(LOOKS_MAX):
        sent = await viewer.handle.sent()
        looks = looks + 1 if sent.packets == before and not sent.queued else 1
        if looks == QUIET_LOOKS:
            return
        before = sent.packets
        await asyncio.sleep(QUIET_SECONDS)
    raise Refusal("media-unavailable", next_step="send-again-later", retryable=True)


def heard_by(labels: Sequence[Label], *, is_live: bool, is_ward_heard: bool, hears_voice: bool) -> Mapping[Label, bool]:
    """Which of a viewer's lines are open."""
    wanted: Mapping[Label, bool] = {
        "video": is_live,
        "ward": is_live and is_ward_heard,
        "voice": is_live and hears_voice,
    }
    return {label: wanted[label] for label in labels}
