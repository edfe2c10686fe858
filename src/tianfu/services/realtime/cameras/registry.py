"""Which cameras there are, from where their pictures come, and how it stands with them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tianfu.access.caller import OPERATOR, Caller
from tianfu.db import Database, Transaction, UniqueViolation, float8_array, int4_array, int8_array, queries, text_array
from tianfu.kernel.instants import DAY, SECOND, Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit import Auditor
from tianfu.records.deeds import Deeds
from tianfu.records.seals import Sealed, Seals
from tianfu.services.accounts.oauth.model.secrets import SECRET_BYTES, digest_of, secret_of
from tianfu.services.realtime.cameras.addresses import UNIQUE, CameraAddresses, shared
from tianfu.services.realtime.cameras.changes import (
    CREDENTIAL,
    HANG,
    LOGIN,
    REGISTER,
    RETIRE,
    RETURN,
    RULE,
    TAKE_BACK,
)
from tianfu.services.realtime.cameras.source import Source
from tianfu.services.realtime.protocol.credentials import BEGINNING, GOOD_DAYS, OVERLAP_HOURS

HOUR = 3_600 * SECOND
TOLD_SECONDS = 15
"""What was said of a camera so long ago says nothing any more."""

_SQL = queries("tianfu.services.realtime.cameras.sql", "cameras.sql")


class Kind(StrEnum):
    """How pictures come: pulled from a camera of the network, or from a cart's browser or an encoder, which come by
    themselves; an encoder shows a credential (`whip`).
    """

    RTSP = "rtsp"
    CART = "cart"
    WHIP = "whip"


class State(StrEnum):
    """How it stands with a camera."""

    HEALTHY = "healthy"
    CONNECTING = "connecting"
    AWAY = "away"
    REFUSED = "refused"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A camera as it is registered; `revision` changes with its address or login."""

    camera: str
    kind: Kind
    revision: int
    is_on: bool
    sealed: Sealed | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What an encoder shows as its bearer token, and until when it is good."""

    text: str
    until: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How it stands with a camera, and since when; `reason` is the code of a refusal, or empty.

    `packet_at` is None before the first packet, `group_seconds` before the second whole picture.
    """

    camera: str
    state: State
    reason: str
    since: Instant
    packet_at: Instant | None
    pictures_per_second: float
    group_seconds: float | None
    reconnects: int


class Cameras:
    """The cameras of an installation; each change of one is in the trail, or not made.

    `auditor` is None for who changes none, such as what pulls them.
    """

    def __init__(self, database: Database, seals: Seals, *, auditor: Auditor | None, clock: Clock) -> None:
        self._trail = None if auditor is None else Deeds(RULE, auditor, clock)
        self._database = database
        self._seals = seals
        self._addresses = CameraAddresses(seals)
        self._clock = clock

    async def add(self, camera: str, kind: Kind, source: Source | None, *, by: Caller = OPERATOR) -> None:
        """Register a camera under its Device's id, with an address if it is pulled; `by` as the trail tells it.

        Raises Refusal `camera-known`, `camera-address-malformed` or `camera-address-known`.
        """
        if (kind is Kind.RTSP) != (source is not None):
            raise Refusal("camera-address-malformed")

        async def work() -> None:
            async with self._database.transaction("app") as transaction:
                await self._addresses.lock(transaction)
                place = source and await self._addresses.own(transaction, camera, source)
                sealed = source and await self._addresses.seal(transaction, camera, 1, source)
                await transaction.run(
                    _SQL.add_camera,
                    camera=camera,
                    kind=kind.value,
                    sealed=sealed and sealed.value,
                    sealed_with=sealed and sealed.sealed_with,
                    place=place,
                    now=self._clock(),
                )
                await self._tell(transaction, by, REGISTER, camera=camera, kind=kind.value)

        try:
            await self._seals.again(work)
        except UniqueViolation as violation:
            known = Refusal("camera-known", next_step="change-it")
            raise shared() if violation.constraint == UNIQUE else known from None

    async def move(self, camera: str, source: Source, *, by: Caller = OPERATOR) -> None:
        """Give a camera another address or login; the old one is used no more from the next look on, within a second.

        What was scanned of it came from the old address, and binds nothing any more.  Raises Refusal `camera-unknown`,
        `camera-address-known`, or `camera-bound` in a visit at the bed that is not over: two people saw the old one.
        """

        async def work() -> None:
            async with self._database.transaction("app") as transaction:
                await self._addresses.lock(transaction)
                row = await transaction.one(_SQL.lock_camera, camera=camera)
                if row is None or row[0] != Kind.RTSP:
                    raise _unknown()
                await transaction.run(_SQL.lock_binding, camera=camera)
                if await transaction.one(_SQL.camera_bound, camera=camera) is not None:
                    raise Refusal("camera-bound", next_step="end-the-visit")
                await transaction.run(_SQL.forget_scans_of, camera=camera)
                place = await self._addresses.own(transaction, camera, source)
                await self._address(transaction, camera, row[1] + 1, source)
                await self._addresses.put(transaction, camera, row[1] + 1, place)
                await self._tell(transaction, by, LOGIN, camera=camera, revision=str(row[1] + 1))

        await self._seals.again(work)

    async def new_credential(self, camera: str, *, by: Caller = OPERATOR) -> Credential:
        """What an encoder shows from now on to send under this camera's name; it is kept nowhere but there.

        The one before is good until the new one is used, at most for `OVERLAP_HOURS`.  Raises Refusal `camera-unknown`.
        """
        secret, now = secret_of(os.urandom(SECRET_BYTES)), self._clock()
        text, until = f"{BEGINNING}{secret.text}", Instant(now + GOOD_DAYS * DAY)
        digest = digest_of(text)
        async with self._database.transaction("app") as transaction:
            await self._lock_encoder(transaction, camera)
            await transaction.run(_SQL.add_credential, digest=digest, camera=camera, now=now, until=until)
            overlap = now + OVERLAP_HOURS * HOUR
            await transaction.run(_SQL.shorten_credentials, camera=camera, digest=digest, until=overlap)
            await transaction.run(_SQL.end_sending, camera=camera, until=overlap)
            await self._tell(transaction, by, CREDENTIAL, camera=camera)
        return Credential(text=text, until=until)

    async def take_credentials_back(self, camera: str, *, by: Caller = OPERATOR) -> None:
        """No credential of a camera is good any more, and what it sends is ended within two seconds.

        Raises Refusal `camera-unknown`.
        """
        now = self._clock()
        async with self._database.transaction("app") as transaction:
            await self._lock_encoder(transaction, camera)
            await transaction.run(_SQL.end_credentials, camera=camera, now=now)
            await transaction.run(_SQL.end_sending, camera=camera, until=now)
            await self._tell(transaction, by, TAKE_BACK, camera=camera)

    @staticmethod
    async def _lock_encoder(transaction: Transaction, camera: str) -> None:
        row = await transaction.one(_SQL.lock_camera, camera=camera)
        if row is None or row[0] != Kind.WHIP:
            raise _unknown()

    async def hang(self, camera: str, bed: str, *, by: Caller = OPERATOR) -> None:
        """A camera hangs at another bed from now on, as its Device says; raises Refusal `camera-unknown`."""
        async with self._database.transaction("app") as transaction:
            if await transaction.one(_SQL.lock_camera, camera=camera) is None:
                raise _unknown()
            await self._tell(transaction, by, HANG, camera=camera, bed=bed)

    async def switch(self, camera: str, *, is_on: bool, by: Caller = OPERATOR) -> None:
        """Use a camera, or use it no more, which ends its grants and what sends.

        Raises Refusal `camera-unknown` or `camera-address-known`.
        """
        async with self._database.transaction("app") as transaction:
            if is_on:
                await self._take_place(transaction, camera)
            if not await transaction.run(_SQL.switch_camera, camera=camera, is_on=is_on, now=self._clock()):
                raise _unknown()
            if not is_on:
                await transaction.run(_SQL.end_grants, camera=camera, now=self._clock())
                await transaction.run(_SQL.end_all_sending, camera=camera, now=self._clock())
            await self._tell(transaction, by, RETURN if is_on else RETIRE, camera=camera)

    async def refuse_shared(self, source: Source, *, besides: str = "") -> None:
        """Refuse an address that another camera in use has, with `camera-address-known`; so before it is looked at."""
        async with self._database.transaction("app") as transaction:
            await self._addresses.lock(transaction)
            await self._addresses.own(transaction, besides, source)

    async def refuse_unsettled(self, kept: Kept) -> None:
        """Refuse a camera with `camera-address-known` while another in use is at its address, as only older programs
        let it be; whoever pulls asks first.
        """
        async with self._database.transaction("app") as transaction:
            if not await self._addresses.is_settled(transaction, kept.camera, kept.revision):
                raise shared()

    async def _take_place(self, transaction: Transaction, camera: str) -> None:
        await self._addresses.lock(transaction)
        row = await transaction.one(_SQL.camera_address, camera=camera)
        if row is not None:
            revision, sealed, sealed_with = row
            source = self._addresses.open(camera, revision, Sealed(bytes(sealed), sealed_with))
            place = await self._addresses.own(transaction, camera, source)
            await self._addresses.put(transaction, camera, revision, place)

    async def kept(self) -> Sequence[Kept]:
        """All of them."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.cameras)
        return [
            Kept(
                camera=row[0],
                kind=Kind(row[1]),
                revision=row[2],
                is_on=row[5],
                sealed=None if row[3] is None else Sealed(bytes(row[3]), row[4]),
            )
            for row in rows
        ]

    def source(self, kept: Kept) -> Source:
        """Where a camera is; raises Refusal `field-not-authentic`, `key-unknown` or `camera-unknown`."""
        if kept.sealed is None:
            raise _unknown()
        return self._addresses.open(kept.camera, kept.revision, kept.sealed)

    async def tell(self, told: Sequence[Health]) -> None:
        """Write down how it stands with cameras."""
        async with self._database.transaction("app") as transaction:
            await transaction.run(
                _SQL.tell_health,
                now=self._clock(),
                cameras=text_array([each.camera for each in told]),
                states=text_array([each.state.value for each in told]),
                reasons=text_array([each.reason for each in told]),
                since=int8_array([each.since for each in told]),
                packets_at=int8_array([each.packet_at or 0 for each in told]),
                pictures=float8_array([each.pictures_per_second for each in told]),
                groups=float8_array([each.group_seconds or 0.0 for each in told]),
                reconnects=int4_array([each.reconnects for each in told]),
            )

    async def health(self) -> Sequence[Health]:
        """How it stands with every camera; one of which nobody spoke lately is away, for `camera-unwatched`."""
        now = self._clock()
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.health)
        return [_health(row, now) for row in rows]

    async def credential_ends(self) -> Mapping[str, Instant]:
        """Until when each encoder's latest credential is good, or was; an encoder that has none is not in it."""
        async with self._database.connection("app") as connection:
            return {str(row[0]): Instant(row[1]) for row in await connection.all(_SQL.credential_ends)}

    def learn_keys(self) -> None:
        """Learn which keys there are now; asks the database and waits for it."""
        self._seals.keyring.look()

    async def seal_anew(self, kept: Kept) -> None:
        """Seal an address by the key that is current now, if another one did; so that the old key can be forgotten."""
        if kept.sealed is None or kept.sealed.sealed_with == self._seals.keyring.sealing(0)[0]:
            return
        source = self.source(kept)

        async def work() -> None:
            async with self._database.transaction("app") as transaction:
                row = await transaction.one(_SQL.lock_camera, camera=kept.camera)
                if row is not None and row[1] == kept.revision:
                    await self._address(transaction, kept.camera, kept.revision, source)

        await self._seals.again(work)

    async def _tell(self, transaction: Transaction, by: Caller, deed: str, **facts: str) -> None:
        if self._trail is None:
            raise ValueError("whoever changes cameras tells the trail")
        await self._trail.tell(transaction, by, deed, **facts)

    async def _address(self, transaction: Transaction, camera: str, revision: int, source: Source) -> None:
        sealed = await self._addresses.seal(transaction, camera, revision, source)
        await transaction.run(
            _SQL.change_address,
            camera=camera,
            revision=revision,
            sealed=sealed.value,
            sealed_with=sealed.sealed_with,
            now=self._clock(),
        )


def _health(row: Sequence[object], now: Instant) -> Health:
    camera, _, is_on, state, reason, since, told_at, packet_at, pictures, group, reconnects = row
    is_fresh = isinstance(told_at, int) and now - told_at < TOLD_SECONDS * SECOND
    shown = State.OFF if not is_on else State(str(state)) if is_fresh else State.AWAY
    return Health(
        camera=str(camera),
        state=shown,
        reason="" if not is_on else str(reason) if is_fresh else "camera-unwatched",
        since=Instant(since) if isinstance(since, int) else now,
        packet_at=Instant(packet_at) if isinstance(packet_at, int) else None,
        pictures_per_second=float(pictures) if is_fresh and isinstance(pictures, float) else 0.0,
        group_seconds=group if isinstance(group, float) else None,
        reconnects=reconnects if isinstance(reconnects, int) else 0,
    )


def _unknown() -> Refusal:
    return Refusal("camera-unknown", next_step="none")
