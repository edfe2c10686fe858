"""How somebody comes into a live room and leaves it again: a grant is used up, then the media server takes him in.

The order is what makes it safe.  A connection stands in a row before the media server hears of it, and is looked at
once more after it was taken in: whoever was revoked in between is let go, and his answer never leaves.
"""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.grants import Connection, Grants, Shown, Spent
from tianfu.services.realtime.port import MediaPort, OffersFirst
from tianfu.services.realtime.protocol.grants import Action
from tianfu.services.realtime.protocol.offers import asks_for_sound_alone, asks_to_hear, pictures_in, sends_anything
from tianfu.services.realtime.protocol.trickle import read_fragment


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """Somebody who was let in: the secret of his connection's address, its tag, our description, for whom and until."""

    secret: str
    tag: str
    sdp: str
    room: str
    slot_until: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted:
    """Our side of a restart of ICE, and the connection's new tag."""

    fragment: str
    tag: str


class Doors:
    """Lets in by grants."""

    def __init__(self, grants: Grants, media: MediaPort) -> None:
        self._grants = grants
        self._media = media

    async def publish(self, shown: Shown, offer: str) -> Entered:
        """Let a camera in (RFC 9725); raises Refusal as `Grants.spend` and `MediaPort.whip` do."""
        return await self._published(await self._grants.spend(shown, Action.WHIP_CAMERA, is_offered=False), offer)

    async def publish_plain(self, credential: str, offer: str) -> Entered:
        """Let an encoder in that can sign nothing.

        Raises Refusal as `Grants.spend_credential` and `whip` do, and `encoder-unfit` for pictures that nobody could
        be shown: other codecs, H.264 of a profile that may have pictures out of order, or two pictures, of which nobody
        can tell that they are of one lens.  Raises `encoder-listens` for
        who would be sent voices: they sound at a cart, which proves its device's key, and nowhere else.
        """
        if asks_to_hear(offer):
            raise Refusal("encoder-listens", next_step="change-the-camera")
        if pictures_in(offer) > 1:
            raise Refusal("encoder-unfit", next_step="change-the-camera")
        try:
            return await self._published(await self._grants.spend_credential(credential), offer)
        except Refusal as refusal:
            if refusal.code != "no-common-codec":
                raise
            raise Refusal("encoder-unfit", next_step="change-the-camera") from refusal

    async def _published(self, spent: Spent, offer: str) -> Entered:
        try:
            sdp = await self._media.whip(spent.ticket.camera, offer)
        except Refusal:
            await self._grants.failed(spent.connection)
            raise
        return await self._entered(spent, sdp)

    async def watch(self, shown: Shown, offer: str) -> Entered:
        """Let a viewer in (draft-ietf-wish-whep); without an offer of his, he gets ours.

        Raises Refusal as `Grants.spend` and `MediaPort.whep` do; who may only look and offers to send something has a
        grant for another action, and so has who may only hear and asks for a picture, or would take what we offer.
        """
        speaks = bool(offer) and sends_anything(offer)
        actions = (Action.WHEP_VOICE,) if speaks else (Action.WHEP_VOICE, Action.WHEP_PICTURE)
        if asks_for_sound_alone(offer):
            actions = (*actions, Action.WHEP_SOUND)
        spent = await self._grants.spend(shown, *actions, is_offered=not offer)
        try:
            sdp = await self._taken_in(spent, offer)
        except Refusal:
            await self._grants.failed(spent.connection)
            raise
        return await self._entered(spent, sdp)

    async def answer(self, connection: Connection, answer: str) -> None:
        """Take a viewer's answer to our offer; raises Refusal `offer-not-open` if none waits for it."""
        if not connection.is_offered:
            raise Refusal("offer-not-open", next_step="join-again")
        await self._grants.answered(connection)
        await self._media.whep_answer(connection.visit, connection.participant, answer)
        await self._look_again(connection)

    @property
    def offers_first(self) -> bool:
        """Whether whoever looks must take the media server's offer, and speaks over a connection of his own."""
        return isinstance(self._media, OffersFirst)

    async def speak(self, connection: Connection, offer: str) -> str:
        """Take an offer of somebody who looks to send his voice over another connection; the answer.

        Raises Refusal `grant-other-action`, `voice-with-picture` where his voice comes by the same connection, or as
        `OffersFirst.voice` does.
        """
        if connection.action is not Action.WHEP_VOICE:
            raise Refusal("grant-other-action", next_step="join-again")
        if not isinstance(self._media, OffersFirst):
            raise Refusal("voice-with-picture", next_step="join-again")
        answer = await self._media.voice(connection.visit, connection.participant, offer)
        await self._look_again(connection)
        return answer

    async def trickle(self, connection: Connection, fragment: str) -> Restarted | None:
        """More addresses of whoever is connected, or a restart of ICE; raises Refusal `fragment-malformed` and more."""
        news = read_fragment(fragment)
        if connection.action is Action.WHIP_CAMERA:
            ours = await self._media.whip_trickle(connection.camera, news)
        else:
            ours = await self._media.whep_trickle(connection.visit, connection.participant, news)
        return Restarted(fragment=ours, tag=await self._grants.retag(connection)) if ours else None

    async def leave(self, connection: Connection) -> None:
        """Let somebody go who wants to."""
        await self._grants.end(connection, "left")

    async def _taken_in(self, spent: Spent, offer: str) -> str:
        connection, ticket = spent.connection, spent.ticket
        visit, participant = connection.visit, connection.participant
        await self._media.kick(visit, participant)  # who comes again has lost what he had before
        if offer:
            return await self._media.whep(visit, participant, ticket.part, offer)
        may_speak = ticket.action is Action.WHEP_VOICE
        return await self._media.whep_offer(visit, participant, ticket.part, may_speak=may_speak)

    async def _entered(self, spent: Spent, sdp: str) -> Entered:
        await self._look_again(spent.connection)
        ticket = spent.ticket
        return Entered(
            secret=spent.secret,
            tag=spent.connection.tag,
            sdp=sdp,
            room=ticket.visit or ticket.camera,
            slot_until=Instant(ticket.slot_until),
        )

    async def _look_again(self, connection: Connection) -> None:
        """Raise Refusal `grant-revoked` if the connection was taken back while the media server took it in."""
        if await self._grants.still_stands(connection):
            return
        if connection.action is Action.WHIP_CAMERA:
            await self._media.unplug(connection.camera)
        else:
            await self._media.kick(connection.visit, connection.participant)
        raise Refusal("grant-revoked", next_step="join-again")
