"""The station at a ward's door, for people without phones: devices, and codes that start one booked visit.

Secrets and codes lie here only as digests; the trail tells who opened a station, who gave a code, what was entered.
Whose visit it is and what was seen is decided by whoever asks.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from secrets import choice, token_urlsafe
from typing import Final

from tianfu.access.caller import Caller
from tianfu.db import Database, Transaction, queries
from tianfu.kernel.instants import SECOND, Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit import Auditor
from tianfu.records.deeds import Deeds
from tianfu.services.accounts.keys import AccountKeys
from tianfu.services.accounts.recovery import LETTERS
from tianfu.vault.keyring import Keyring

CODE_LETTERS = 8
CODE_SECONDS = 300
"""How long a code waits: from the nurse's desk to the ward's door. [inferred]"""

STATION_SECONDS = 12 * 3_600
"""A shift; afterwards a nurse makes the device a station anew. [inferred]"""

SECRET_BYTES = 32
NAME_LETTERS = 16

RULE = "newborn-diary"
"""What the trail names as the rule: docs/rules/newborn-diary.md"""

OPEN, GIVE, ENTER = "open-door-station", "give-door-code", "enter-door-code"
"""What is done, as the trail calls it."""

DOOR: Final = Caller(id="ward-door", role="system")
"""In whose name the device at the door asks: nobody is signed in there."""

_SQL = queries("tianfu.services.booking.sql", "stations.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The visit on a station's screen; without `may_talk` it is seen and not spoken to."""

    visit: str
    until: Instant
    may_talk: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A device at a ward's door; `shown` is None while nobody's visit is on its screen, or its slot is over.

    `id` names the device in the trail and opens nothing.
    """

    id: str
    ward: str
    until: Instant
    shown: Shown | None


class Stations:
    """Stations and their codes; one for each worker."""

    def __init__(self, database: Database, keyring: Keyring, auditor: Auditor, clock: Clock) -> None:
        self._deeds = Deeds(RULE, auditor, clock)
        self._database = database
        self._keys = AccountKeys.of(keyring.index_secret)
        self._clock = clock

    async def open(self, ward: str, *, by: Caller) -> str:
        """Make a device a station of a ward; the secret for its cookie, which nobody else is told."""
        secret, now = token_urlsafe(SECRET_BYTES), self._clock()
        async with self._database.transaction("app") as transaction:
            await transaction.run(
                _SQL.add_station,
                digest=_digest(secret),
                ward=ward,
                by=by.id,
                now=now,
                until=now + STATION_SECONDS * SECOND,
            )
            await self._deeds.tell(transaction, by, OPEN, ward=ward)
        return secret

    async def find(self, secret: str) -> Station | None:
        """The station whose cookie this is; None for any other, and for one whose time is over."""
        if not secret:
            return None
        async with self._database.transaction("app") as transaction:
            await self._forget_over(transaction)
            row = await transaction.one(_SQL.station, digest=_digest(secret), now=self._clock())
        if row is None:
            return None
        shown = None if row[2] is None else Shown(visit=row[2], until=Instant(row[3]), may_talk=row[4])
        return Station(id=_digest(secret).hex()[:NAME_LETTERS], ward=row[0], until=Instant(row[1]), shown=shown)

    async def give_code(
        self, ward: str, visit: str, *, visit_until: Instant, may_talk: bool, seen: str, by: Caller
    ) -> str:
        """A code that starts a visit once, within minutes, at a station of the ward; an older one of it is void."""
        code, now = "".join(choice(LETTERS) for _ in range(CODE_LETTERS)), self._clock()
        async with self._database.transaction("app") as transaction:
            await transaction.run(_SQL.take_back_codes, visit=visit)
            await transaction.run(
                _SQL.add_code,
                digest=self._keys.code(b"door", code),
                ward=ward,
                visit=visit,
                visit_until=visit_until,
                may_talk=may_talk,
                seen=seen,
                by=by.id,
                now=now,
                until=now + CODE_SECONDS * SECOND,
            )
            await self._deeds.tell(transaction, by, GIVE, ward=ward, visit=visit, seen=seen)
        return code

    async def enter(self, secret: str, code: str) -> Shown:
        """Bring the visit of a code to a station's screen; whatever was there is gone, and so is it from any other.

        Raises Refusal `door-code-wrong` for a wrong, used, late or other ward's code, all alike, and `not-found` where
        the device is no station.
        """
        station = await self.find(secret)
        if station is None:
            raise Refusal("not-found", next_step="start-again")
        try:
            return await self._entered(secret, station.ward, code)
        except Refusal as refusal:
            await self._deeds.tell_refused(DOOR, ENTER, refusal.code, ward=station.ward)
            refusal.is_traced = True
            raise

    async def _entered(self, secret: str, ward: str, code: str) -> Shown:
        typed = code.strip().upper().replace("-", "").replace(" ", "")
        if len(typed) != CODE_LETTERS or not set(typed) <= set(LETTERS):
            raise Refusal("door-code-wrong", next_step="ask-the-nurse")
        now = self._clock()
        async with self._database.transaction("app") as transaction:
            row = await transaction.one(_SQL.use_code, digest=self._keys.code(b"door", typed), ward=ward, now=now)
            if row is None:
                raise Refusal("door-code-wrong", next_step="ask-the-nurse")
            shown = Shown(visit=row[0], until=Instant(row[1]), may_talk=row[2])
            await transaction.run(_SQL.take_from_others, visit=shown.visit, digest=_digest(secret))
            await transaction.run(
                _SQL.show_visit,
                digest=_digest(secret),
                visit=shown.visit,
                visit_until=shown.until,
                may_talk=shown.may_talk,
                now=now,
            )
            await self._deeds.tell(transaction, DOOR, ENTER, ward=ward, visit=shown.visit)
        return shown

    async def leave(self, secret: str) -> None:
        """Take the visit from a station's screen; safe to repeat."""
        async with self._database.transaction("app") as transaction:
            await transaction.run(_SQL.forget_visit, digest=_digest(secret))

    async def close(self, secret: str) -> None:
        """The device is a station no longer; safe to repeat."""
        async with self._database.transaction("app") as transaction:
            await transaction.run(_SQL.close_station, digest=_digest(secret), now=self._clock())

    async def _forget_over(self, transaction: Transaction) -> None:
        await transaction.run(_SQL.forget_over, now=self._clock())
        await transaction.run(_SQL.forget_visits_over, now=self._clock())


def _digest(secret: str) -> bytes:
    """Of a secret that nobody can guess a plain digest is enough."""
    return hashlib.sha256(secret.encode()).digest()
