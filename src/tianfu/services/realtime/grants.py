"""Grants: who may come into a live room, by which device, once and within a minute; and how all of it is taken back.

A grant is signed with a key of the vault and its digest stands in a row, because only a row can be used up by all
workers together.  What comes after it, a lease of thirty seconds, is the visit's own.  Rule: docs/rules/live-rooms.md
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from tianfu.access.caller import NOBODY, Caller
from tianfu.db import Database, Transaction, queries
from tianfu.db.prepared import Row
from tianfu.kernel.ids import new_uuid7
from tianfu.kernel.instants import DAY, SECOND, Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.oauth.model.secrets import SECRET_BYTES, digest_of, is_secret, secret_of
from tianfu.services.realtime.port import MediaPort
from tianfu.services.realtime.protocol.credentials import caller_of, device_of, is_credential
from tianfu.services.realtime.protocol.grants import (
    Action,
    Asked,
    Claims,
    Ticket,
    read,
    refuse_senseless,
    refuse_unfit,
    refused,
    until_of,
    written,
)
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.proofs import Device
from tianfu.services.realtime.trail import ENTER, ISSUE, LEAVE, REVOKE, RoomTrail
from tianfu.vault.blind import blind

SIGNATURE_BYTES = 32
PARTICIPANT_BYTES = 16

FORGET_SECONDS = 7 * 86_400
"""A row is kept for so long after its end, so that a late second use is still known for what it is."""

SHIFT_OVER = "shift-over"
"""Why a cart is let go whose time is over, in the trace."""

CONNECTION_DAYS_MAX = 7
"""No connection stands longer: a camera comes anew, and rows of connections that were lost unheard go."""

_SQL = queries("tianfu.services.realtime.sql", "grants.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What its bearer shows (`Authorization: Bearer`), until when, and as whom the media server will know him."""

    text: str
    until: Instant
    participant: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What somebody brings to a door: a grant, and the device that proved its key for this very request."""

    grant: str
    device: Device


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A connection that a grant opened.  `tag` names its state; `is_offered` waits for the answer to our offer."""

    digest: bytes
    caller: Caller
    visit: str
    participant: str
    action: Action
    camera: str
    device: str
    tag: str
    is_offered: bool
    is_revoked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """A grant that was used up just now: what it lets in, and the secret for the connection's address."""

    connection: Connection
    ticket: Ticket
    secret: str


class Grants:
    """Issues grants, uses them up, and takes them back together with the connections that they opened."""

    def __init__(
        self, database: Database, index_secret: bytes, media: MediaPort, trail: RoomTrail, clock: Clock
    ) -> None:
        """`index_secret` is the keyring's; what is derived from it serves grants and nothing else."""
        self._database = database
        self._secret = index_secret
        self._media = media
        self._trail = trail
        self._clock = clock

    def participant(self, visit: str, person: str) -> str:
        """As whom the media server knows a person in a visit: opaque, and another one in each visit.

        It is the `who` of events, and the `participant` of `MediaPort.kick`, `talk` and `silence`.
        """
        material = f"{len(visit)} {visit} {person}".encode()
        return blind(self._secret, "room participant", material, size_bytes=PARTICIPANT_BYTES).hex()

    async def issue(self, caller: Caller, ticket: Ticket) -> Grant:
        """A grant for a caller and his device, good once and for 60 seconds; whoever asks has decided that he may.

        `caller.id` is the account of the person (or the program of a camera).  Raises ValueError for a ticket that
        makes no sense, Refusal `camera-bound` for another device under the name of a camera that two people bound.
        Leaves an audit event.
        """
        refuse_senseless(ticket)
        until = until_of(self._clock(), ticket.slot_until)
        claims = Claims(id=new_uuid7(), person=caller.id, role=caller.role, until=until, ticket=ticket)
        text = written(claims, self._sign)
        async with self._database.transaction("app") as transaction:
            await self._refuse_bound(transaction, ticket)
            await transaction.run(
                _SQL.add_grant,
                digest=digest_of(text),
                visit=ticket.visit,
                camera=ticket.camera,
                person=caller.id,
                until=until,
            )
            await self._trail.tell_within(transaction, caller, ISSUE, **_facts(ticket))
        return Grant(text=text, until=until, participant=self.participant(ticket.visit, caller.id))

    async def spend(self, shown: Shown, *actions: Action, is_offered: bool) -> Spent:
        """Use a grant up at a door for these actions; what it opened before for the same person is replaced.

        A camera that sends under the same name is let go before this returns; where the media server cannot be asked,
        nothing is used up.  `is_offered`: the door will offer, and waits for an answer.  Only a grant that fits is used
        up.  Raises Refusal, each told to the trace: `grant-refused` for what is none of ours, `grant-expired`,
        `grant-other-action`, `grant-other-visit`, `grant-other-camera`, `grant-other-device`, `grant-used`,
        `grant-revoked` and `camera-bound`; and `media-unavailable`, which is not told.
        """
        claims: Claims | None = None
        try:
            claims = read(shown.grant, self._sign)
            proof = shown.device.proof
            asked = Asked(
                actions=actions,
                visit=proof.visit,
                camera=proof.camera,
                device=shown.device.thumbprint,
                now=self._clock(),
            )
            refuse_unfit(claims, asked)
            return await self._used_up(shown.grant, claims, is_offered=is_offered)
        except Refusal as refusal:
            caller = NOBODY if claims is None else Caller(id=claims.person, role=claims.role)
            await self._trail.refused(caller, ENTER, refusal, **({} if claims is None else _facts(claims.ticket)))
            raise

    async def refused(self, refusal: Refusal) -> None:
        """Tell the trace that somebody came to a door without a grant, or without the proof of a key."""
        await self._trail.refused(NOBODY, ENTER, refusal)

    async def _used_up(self, text: str, claims: Claims, *, is_offered: bool) -> Spent:
        digest, caller = digest_of(text), Caller(id=claims.person, role=claims.role)
        async with self._database.transaction("app") as transaction:
            if claims.ticket.camera:  # before the grant's row, as whoever switches the camera off locks the two
                await transaction.one(_SQL.camera_standing, camera=claims.ticket.camera)
            if await transaction.one(_SQL.spend_grant, digest=digest, now=self._clock()) is None:
                raise await self._why_not(transaction, digest)
            return await self._let_in(transaction, caller, claims.ticket, is_offered=is_offered)

    async def spend_credential(self, text: str) -> Spent:
        """Let an encoder in that shows its camera's credential; whatever sent under this name before is let go.

        Raises Refusal `publish-credential-refused` and `camera-bound`, told to the trace; and `media-unavailable`.
        """
        caller, now = NOBODY, self._clock()
        try:
            async with self._database.transaction("app") as transaction:
                await transaction.one(_SQL.camera_of_credential, digest=digest_of(text))
                row = await transaction.one(_SQL.use_credential, digest=digest_of(text), now=now)
                if row is None:
                    raise Refusal("publish-credential-refused", next_step="ask-the-operator")
                camera, until = row
                caller = Caller(id=caller_of(camera), role="system")
                ticket = Ticket(
                    action=Action.WHIP_CAMERA,
                    visit="",
                    camera=camera,
                    part=Part.BEDSIDE,
                    device=device_of(digest_of(text)),
                    slot_until=until,
                )
                return await self._let_in(transaction, caller, ticket, is_offered=False)
        except Refusal as refusal:
            await self._trail.refused(caller, ENTER, refusal)
            raise

    async def is_shown_by(self, connection: Connection, text: str) -> bool:
        """Whether a credential is that of the camera which sends over a connection."""
        if not connection.camera or not is_credential(text):
            return False
        asked = {"digest": digest_of(text), "camera": connection.camera, "now": self._clock()}
        async with self._database.connection("app") as session:
            return await session.one(_SQL.credential_of, **asked) is not None

    async def _let_in(self, transaction: Transaction, caller: Caller, ticket: Ticket, *, is_offered: bool) -> Spent:
        secret = secret_of(os.urandom(SECRET_BYTES))
        connection = Connection(
            digest=secret.digest,
            caller=caller,
            visit=ticket.visit,
            participant=self.participant(ticket.visit, caller.id),
            action=ticket.action,
            camera=ticket.camera,
            device=ticket.device,
            tag=new_tag(),
            is_offered=is_offered,
            is_revoked=False,
        )
        if ticket.action is Action.WHIP_CAMERA:
            await transaction.run(_SQL.lock_camera, camera=ticket.camera)
            await self._refuse_bound(transaction, ticket)
            # What was scanned was seen through another lens: it binds nothing any more.
            await transaction.run(_SQL.forget_scans_of_another, camera=ticket.camera, device=ticket.device)
        await self._add(transaction, connection, self._clock(), until=ticket.slot_until)
        await self._trail.tell_within(transaction, caller, ENTER, **_facts(ticket))
        return Spent(connection=connection, ticket=ticket, secret=secret.text)

    async def _refuse_bound(self, transaction: Transaction, ticket: Ticket) -> None:
        """A binding holds for the device that shows the bed; under the name of a camera that is off nobody sends."""
        if ticket.action is not Action.WHIP_CAMERA:
            return
        standing = await transaction.one(_SQL.camera_standing, camera=ticket.camera)
        if standing is not None and not standing[0]:
            raise Refusal("grant-revoked", next_step="join-again")
        if await transaction.one(_SQL.bound_to_another, camera=ticket.camera, device=ticket.device) is not None:
            raise Refusal("camera-bound", next_step="end-the-visit")

    async def _why_not(self, transaction: Transaction, digest: bytes) -> Refusal:
        row = await transaction.one(_SQL.grant_state, digest=digest)
        if row is None:
            return refused("unknown")
        return Refusal("grant-revoked" if row[1] else "grant-used", next_step="join-again")

    async def _add(self, transaction: Transaction, connection: Connection, now: Instant, *, until: int) -> None:
        place = {"visit": connection.visit, "participant": connection.participant, "camera": connection.camera}
        before = await transaction.all(_SQL.replace_connections, digest=connection.digest, now=now, **place)
        if before and connection.camera:
            # Within the transaction: nobody can take back what has no row any more, so it must not send any more.
            await self._media.unplug(connection.camera)
        await transaction.run(
            _SQL.add_connection,
            digest=connection.digest,
            person=connection.caller.id,
            role=connection.caller.role,
            action=connection.action.value,
            device=connection.device,
            tag=connection.tag,
            is_offered=connection.is_offered,
            now=now,
            until=until,
            **place,
        )

    async def connection(self, secret: str) -> Connection:
        """The connection of this address; raises Refusal `connection-unknown`, also for one that was taken back."""
        digest = digest_of(secret)
        async with self._database.connection("app") as session:
            row = await session.one(_SQL.connection, digest=digest) if is_secret(secret) else None
        if row is None or row[9]:
            raise connection_unknown()
        return _connection(digest, row)

    async def retag(self, connection: Connection) -> str:
        """Give a connection's next state a tag; raises Refusal `connection-changed` if another request came first."""
        tag = new_tag()
        async with self._database.transaction("app") as transaction:
            row = await transaction.one(_SQL.tag_connection, digest=connection.digest, tag=tag, before=connection.tag)
        if row is None:
            raise Refusal("connection-changed", next_step="join-again")
        return tag

    async def answered(self, connection: Connection) -> None:
        """Nobody else may answer our offer to this connection; raises Refusal `connection-changed` if somebody has."""
        async with self._database.transaction("app") as transaction:
            if await transaction.one(_SQL.answer_connection, digest=connection.digest) is None:
                raise Refusal("connection-changed", next_step="join-again")

    async def still_stands(self, connection: Connection) -> bool:
        """Whether a connection was neither taken back nor replaced."""
        async with self._database.connection("app") as session:
            row = await session.one(_SQL.connection, digest=connection.digest)
        return row is not None and not row[9]

    async def end(self, connection: Connection, reason: str) -> None:
        """End a connection, unless it is over or another took its place; raises Refusal `media-unavailable`."""
        async with self._database.transaction("app") as transaction:
            if await transaction.one(_SQL.end_connection, digest=connection.digest, now=self._clock()) is None:
                return
            # Within the transaction: whoever comes in this place waits for its row, so that it is not he who is let go.
            await self._let_go(connection.visit, connection.participant, connection.action, connection.camera)
            facts = {"visit": connection.visit, "camera": connection.camera, "reason": reason}
            await self._trail.tell_within(transaction, connection.caller, LEAVE, **facts)

    async def failed(self, connection: Connection) -> None:
        """The media server did not take a connection in; its row says nothing."""
        async with self._database.transaction("app") as transaction:
            await transaction.run(_SQL.end_connection, digest=connection.digest, now=self._clock())

    async def revoke_visit(self, caller: Caller, visit: str, reason: str) -> None:
        """Take back every grant of a visit, and end every connection to it, at once; safe to repeat.

        Raises Refusal `media-unavailable` if the media server cannot be reached: then no grant is good any more, and
        what was connected is ended as soon as it is back (`end_what_was_revoked`).  The room is closed by whoever
        opened it.
        """
        await self._revoke(caller, visit=visit, person=None, reason=reason)

    async def revoke_person(self, caller: Caller, person: str, reason: str, *, visit: str | None) -> None:
        """The same for one person: in one visit, or with None in all."""
        await self._revoke(caller, visit=visit, person=person, reason=reason)

    async def _revoke(self, caller: Caller, *, visit: str | None, person: str | None, reason: str) -> None:
        now = self._clock()
        async with self._database.transaction("app") as transaction:
            await transaction.run(_SQL.revoke_grants, visit=visit, person=person, now=now)
            rows = await transaction.all(_SQL.revoke_connections, visit=visit, person=person, now=now)
            facts = {"visit": visit or "", "person": person or "", "reason": reason, "connections": str(len(rows))}
            await self._trail.tell_within(transaction, caller, REVOKE, **facts)
        await self._end_all(rows)

    async def end_what_was_revoked(self) -> None:
        """End what stands although it was taken back, because the media server was away then."""
        async with self._database.connection("app") as session:
            rows = await session.all(_SQL.connections_to_end)
        await self._end_all(rows)

    async def end_what_is_over(self) -> None:
        """Let every camera go whose time is over, as its grant said; raises Refusal `media-unavailable`: then again."""
        async with self._database.connection("app") as session:
            rows = await session.all(_SQL.cameras_over, now=self._clock())
        for row in rows:
            await self.end(_connection(row[0], row[1:]), SHIFT_OVER)

    async def _end_all(self, rows: Sequence[Row]) -> None:
        for digest, visit, participant, action, camera in rows:
            async with self._database.transaction("app") as transaction:
                if await transaction.one(_SQL.end_connection, digest=digest, now=self._clock()) is not None:
                    await self._let_go(visit, participant, Action(action), camera)

    async def _let_go(self, visit: str, participant: str, action: Action, camera: str) -> None:
        if action is Action.WHIP_CAMERA:
            await self._media.unplug(camera)
        else:
            await self._media.kick(visit, participant)

    async def forget_what_is_over(self) -> None:
        """Take away rows that say nothing any more, and take back what has stood for a week."""
        now = self._clock()
        async with self._database.transaction("app") as transaction:
            before = now - FORGET_SECONDS * SECOND
            await transaction.run(_SQL.forget_grants, before=before)
            await transaction.run(_SQL.forget_connections, before=before)
            await transaction.run(_SQL.revoke_old_connections, now=now, oldest=now - CONNECTION_DAYS_MAX * DAY)

    def _sign(self, body: bytes) -> bytes:
        return blind(self._secret, "room grant", body, size_bytes=SIGNATURE_BYTES)


def new_tag() -> str:
    """A fresh name of a connection's state."""
    return os.urandom(8).hex()


def connection_unknown() -> Refusal:
    """There is no such connection, or not any more."""
    return Refusal("connection-unknown", next_step="join-again")


def _connection(digest: bytes, row: Row) -> Connection:
    return Connection(
        digest=digest,
        caller=Caller(id=row[1], role=row[2]),
        visit=row[0],
        participant=row[3],
        action=Action(row[4]),
        camera=row[5],
        device=row[6],
        tag=row[7],
        is_offered=row[8],
        is_revoked=row[9],
    )


def _facts(ticket: Ticket) -> dict[str, str]:
    return {"action": ticket.action.value, "visit": ticket.visit, "camera": ticket.camera, "part": ticket.part.value}
