"""Ten thousand random days: no viewer is ever sent a packet of another bed, nor one that the gate did not let through.

Nor a picture that was filmed behind the curtain, though it was held up on its way until the curtain was open.
And no cart is ever sent a voice but that of who has the floor in a room that is open on this very bed.
The forwarder is the real one; only the sockets are left out.
"""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from aiortc.rtp import RTCP_RTPFB_NACK, RtcpRtpfbPacket

from tests.services.realtime.made import PACKETS_OF_PICTURE, VOICE_TYPE, PeerInMemory, packet, picture, tag_of
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.embedded.forwarder import Forwarder
from tianfu.services.realtime.embedded.raw_peer import Heard
from tianfu.services.realtime.protocol.packets import head_of
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import Gate

pytestmark = pytest.mark.anyio

DAYS = 10_000
ACTS_PER_DAY = 80
BEDS = ("bed-1", "bed-2")
VISITS = ("visit-1", "twin-1", "twin-2")
PEOPLE = ("mother", "father")
REPORTS = range(192, 224)
ACT_SECONDS = 0.001
START_SECONDS = 2**32 / 90_000 - 20
"""What a camera's clock says in the morning: it goes round during the day."""
ACTS = [
    *["picture"] * 11, *["hold up"] * 3, *["join"] * 3, *["live"] * 5, *["open"] * 2, "camera", "renew", "shield",
    "kick", "close", "wait", "crash", *["nack"] * 2, *["press"] * 6, "let go", *["speak"] * 10,
]  # fmt: skip

Seat = tuple[str, str]


@dataclass(frozen=True)
class Filmed:
    """A picture that a camera took."""

    number: int
    tag: bytes
    at: float
    is_whole: bool


@dataclass
class Day:
    """One day of a ward, and what should be true of it, kept apart from the forwarder."""

    drawn: random.Random
    now: float = 0.0
    peers: list[PeerInMemory] = field(default_factory=list)
    cameras: dict[str, PeerInMemory] = field(default_factory=dict)
    coming: dict[str, PeerInMemory] = field(default_factory=dict)
    beds: dict[str, str] = field(default_factory=dict)
    lease: dict[str, float] = field(default_factory=dict)
    live: set[str] = field(default_factory=set)
    opened: dict[str, float] = field(default_factory=dict)
    """When a visit's curtain was opened last."""
    anew: dict[int, float] = field(default_factory=dict)
    """When the curtain of a visit on a camera was opened last: nothing of before is shown to anybody who comes."""
    held: dict[int, list[Filmed]] = field(default_factory=dict)
    """What is held up on its way from a camera."""
    floor: dict[str, str] = field(default_factory=dict)
    seats: dict[Seat, PeerInMemory] = field(default_factory=dict)
    left: list[tuple[PeerInMemory, int]] = field(default_factory=list)
    looked_at: dict[int, int] = field(default_factory=dict)
    voices_told: dict[int, int] = field(default_factory=dict)
    hidden: set[tuple[str, bytes]] = field(default_factory=set)
    pictures: int = 0
    shown: int = 0
    spoken: int = 0
    sounded: int = 0

    def __post_init__(self) -> None:
        self.forwarder = Forwarder(lambda: self.now, peer=self._peer)

    def _peer(self, heard: Heard) -> PeerInMemory:
        made = PeerInMemory(heard)
        self.peers.append(made)
        return made

    async def begin(self) -> None:
        """A morning: the cameras are on, and most visits have a room."""
        for bed in BEDS:
            await self.put_up(bed)
        for visit in VISITS:
            if self.drawn.random() < 0.8:
                self.open(visit, self.drawn.choice(BEDS))

    async def act(self) -> None:
        """Something happens; then everybody's packets are looked at."""
        self.now += ACT_SECONDS
        visit, bed, who = self.drawn.choice(VISITS), self.drawn.choice(BEDS), self.drawn.choice(PEOPLE)
        with suppress(Refusal):
            match self.drawn.choice(ACTS):
                case "open":
                    self.open(visit, bed)
                case "camera":
                    await self.put_up(bed)
                case "join":
                    await self.forwarder.whep(visit, who, Part.FAMILY, "")
                    self.leave((visit, who))
                    self.seats[visit, who] = self.peers[-1]
                case "live":
                    self.forwarder.gate(visit, Gate.LIVE, "nurse")
                    self.anew[id(self.cameras[self.beds[visit]])] = self.now
                    if visit not in self.live:
                        self.live.add(visit)
                        self.opened[visit] = self.now
                case "shield":
                    self.forwarder.gate(visit, Gate.SHIELDED, "care")
                    self.draw(visit)
                case "renew":
                    self.is_open(visit)
                    self.forwarder.renew(visit, lease_seconds=10.0)
                    self.lease[visit] = self.now + 10.0
                case "kick":
                    self.forwarder.kick(visit, who)
                    self.leave((visit, who))
                case "close":
                    self.forwarder.close(visit, "bed-moved")
                    self.draw(visit)
                    for seat in [seat for seat in self.seats if seat[0] == visit]:
                        self.leave(seat)
                case "hold up":
                    self.hold_up(bed)
                case "wait":
                    self.wait(self.drawn.choice([0.5, 5.0, 25.0]))
                case "crash":
                    lost = self.cameras.pop(bed, None)
                    if lost is not None:
                        lost.heard.ended()
                        self.draw_curtains(bed)
                case "press":
                    visit, who = self.somebody(list(self.seats), (visit, who))
                    self.forwarder.talk(visit, who, is_pressed=True)
                    self.press(visit, who)
                case "let go":
                    self.forwarder.talk(visit, who, is_pressed=False)
                    if self.floor.get(visit) == who:
                        del self.floor[visit]
                case "speak":
                    self.speak(*self.somebody(list(self.floor.items()), (visit, who)))
                case "nack":
                    self.ask_again((visit, who))
                case _:
                    self.show(bed)
        self.look()

    def open(self, visit: str, bed: str) -> None:
        self.forwarder.open_room(visit, bed, lease_seconds=20.0)
        self.beds[visit], self.lease[visit] = bed, self.now + 20.0

    async def put_up(self, bed: str) -> None:
        await self.forwarder.whip(bed, "")
        self.send(self.peers[-1], self.film(bed, is_whole=False))  # before that, nothing tells how quick it is
        if bed in self.cameras:
            self.coming[bed] = self.peers[-1]
        else:
            self.coming.pop(bed, None)
            self.cameras[bed] = self.peers[-1]

    def take_place(self, bed: str) -> None:
        """The other camera of a bed has shown a whole picture."""
        if bed in self.cameras:
            self.draw_curtains(bed)
        self.cameras[bed] = self.coming.pop(bed)

    def draw_curtains(self, bed: str) -> None:
        for visit in [each for each in self.live if self.beds[each] == bed]:
            self.draw(visit)

    def draw(self, visit: str) -> None:
        self.live.discard(visit)
        self.floor.pop(visit, None)

    def is_open(self, visit: str) -> bool:
        if visit in self.live and self.now >= self.lease[visit]:
            self.draw(visit)
        return visit in self.live

    def leave(self, seat: Seat) -> None:
        peer = self.seats.pop(seat, None)
        if self.floor.get(seat[0]) == seat[1]:
            del self.floor[seat[0]]
        if peer is not None:
            self.left.append((peer, len(peer.sent)))

    def somebody(self, seats: list[Seat], other: Seat) -> Seat:
        """Mostly one of these, and now and then anybody: what should not happen is tried, too."""
        return self.drawn.choice(seats) if seats and self.drawn.random() < 0.8 else other

    def press(self, visit: str, who: str) -> None:
        """Somebody was given the floor: he is there, nobody else had it, and nobody sounds at this bed by another."""
        assert (visit, who) in self.seats
        assert self.is_open(visit), "the floor behind the curtain"
        assert self.floor.get(visit, who) == who
        beside = [each for each in self.floor if each != visit and self.is_open(each)]
        assert self.beds[visit] not in {self.beds[each] for each in beside}, "two voices at one cot"
        self.floor[visit] = who

    def speak(self, visit: str, who: str) -> None:
        """Somebody's telephone sends a packet of his voice, whether or not he has the floor."""
        peer = self.seats.get((visit, who))
        if peer is None:
            return
        self.spoken += 1
        cart = self.cameras.get(self.beds[visit]) if self.is_open(visit) and self.floor.get(visit) == who else None
        before = {id(each): len(voices(each.sent)) for each in self.peers}
        tag = f"~{visit}/{who}".encode()
        source = id(peer) & 0xFFFF
        number = self.spoken
        peer.heard.packet(packet(tag, sequence=number, timestamp=960 * number, payload_type=VOICE_TYPE, source=source))
        told = {id(each): voices(each.sent)[before[id(each)] :] for each in self.peers}
        hearers = {id(each) for (there, other), each in self.seats.items() if there == visit and other != who}
        for each in self.peers:
            if each is cart:
                assert [tag_of(data) for data in told[id(each)]] == [tag[1:]], "not heard at the cot"
                self.sounded += 1
            elif id(each) in hearers and cart is not None:
                assert len(told[id(each)]) == 1, "not heard by who is in the room"
            else:
                assert not told[id(each)], "a voice for somebody else, or behind the curtain"
        self.voices_told = {key: before[key] + len(new) for key, new in told.items()}

    def film(self, bed: str, *, is_whole: bool) -> Filmed:
        self.pictures += 1
        return Filmed(self.pictures, b"%s:%d" % (bed.encode(), self.pictures), self.now, is_whole)

    def send(self, seen: PeerInMemory, filmed: Filmed) -> None:
        source = id(seen) & 0xFFFF
        filmed_at = START_SECONDS + filmed.at
        whole = filmed.is_whole
        self.hidden |= {(visit, filmed.tag) for visit in VISITS if not self.may_be_seen(visit, seen, filmed)}
        for data in picture(filmed.tag, filmed.number, whole=whole, source=source, filmed_at=filmed_at):
            seen.heard.packet(data)

    def may_be_seen(self, visit: str, seen: PeerInMemory, filmed: Filmed) -> bool:
        """Whether a picture that comes now is of this visit's bed, and of after its curtain was opened."""
        is_of_bed = self.is_open(visit) and self.cameras.get(self.beds[visit]) is seen
        return is_of_bed and filmed.at >= self.opened[visit]

    def hold_up(self, bed: str) -> None:
        """A camera films something that comes later, in its turn."""
        seen = self.cameras.get(bed)
        if seen is not None:
            self.held.setdefault(id(seen), []).append(self.film(bed, is_whole=self.drawn.random() < 0.5))

    def wait(self, seconds: float) -> None:
        """Time passes; who sends nothing for long is let go with all that he held, so cameras send."""
        self.now += seconds
        if seconds > 1.0:
            self.held.clear()
            for bed, seen in self.cameras.items():
                self.send(seen, self.film(bed, is_whole=False))

    def show(self, bed: str) -> None:
        """A picture of a bed comes; it stays hidden for ever from every visit whose curtain is, or was, drawn."""
        other = self.coming.get(bed) if self.drawn.random() < 0.5 else None
        seen = other or self.cameras.get(bed)
        if seen is None:
            return
        filmed = self.film(bed, is_whole=self.drawn.random() < 0.5)
        held = self.held.setdefault(id(seen), [])
        held.append(filmed)
        filmed = held.pop(0)
        if other is not None and filmed.is_whole:
            self.take_place(bed)
        before = {seat: len(peer.sent) for seat, peer in self.seats.items()}
        self.send(seen, filmed)
        for (visit, who), peer in self.seats.items():
            is_sent = self.may_be_seen(visit, seen, filmed) and filmed.at >= self.anew.get(id(seen), 0.0)
            if filmed.is_whole and is_sent:
                new = media(peer.sent[before[visit, who] :])
                assert len(new) == PACKETS_OF_PICTURE, "not sent although the curtain is open"

    def ask_again(self, seat: Seat) -> None:
        """A viewer asks for whatever he was ever sent."""
        peer = self.seats.get(seat)
        if peer is not None:
            lost = [head_of(data).sequence for data in media(peer.sent)]
            peer.heard.control([RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=9, lost=lost)])

    def look(self) -> None:
        """Look at every packet that was sent since we last looked."""
        for peer in self.peers:
            assert len(voices(peer.sent)) == self.voices_told.get(id(peer), 0), "a voice that nobody sent"
        for (visit, _), peer in self.seats.items():
            new = media(peer.sent[self.looked_at.get(id(peer), 0) :])
            self.looked_at[id(peer)] = len(peer.sent)
            if not new:
                continue
            assert self.is_open(visit), "sent behind the curtain"
            for data in new:
                assert tag_of(data).partition(b":")[0] == self.beds[visit].encode(), "the wrong bed"
                assert (visit, tag_of(data)) not in self.hidden, "seen before the curtain was opened"
            self.shown += len(new)

    def end(self) -> None:
        """Who has left was sent nothing afterwards."""
        for peer, count in self.left:
            assert len(peer.sent) == count


def media(sent: list[bytes]) -> list[bytes]:
    """The packets among what was sent that are no reports."""
    return [data for data in sent if data[1] not in REPORTS and data[1] & 127 != VOICE_TYPE]


def voices(sent: list[bytes]) -> list[bytes]:
    """The packets of voices among what was sent."""
    return [data for data in sent if data[1] not in REPORTS and data[1] & 127 == VOICE_TYPE]


async def test_no_viewer_is_ever_sent_another_bed_or_a_packet_behind_the_curtain() -> None:
    shown = sounded = 0
    for number in range(DAYS):
        day = Day(random.Random(number))
        await day.begin()
        for _ in range(ACTS_PER_DAY):
            await day.act()
        day.end()
        shown += day.shown
        sounded += day.sounded
    assert shown > 5 * DAYS, "pictures were shown, too"
    assert sounded > DAYS, "voices sounded, too"
