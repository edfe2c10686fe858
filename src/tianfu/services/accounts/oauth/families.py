"""What one authorisation gave, and the end of it: codes, refresh tokens, and who stands behind them."""

from __future__ import annotations

import os
from dataclasses import dataclass

from tianfu.access.caller import Caller
from tianfu.db import Database, Transaction, queries, text_array
from tianfu.db.prepared import Row
from tianfu.kernel.ids import new_uuid7
from tianfu.kernel.instants import SECOND, Clock, Instant
from tianfu.services.accounts.model.lapsing import lapses
from tianfu.services.accounts.model.lifetimes import lifetime_of
from tianfu.services.accounts.model.people import Account, Assurance, Kind, SignedIn, Workplace
from tianfu.services.accounts.oauth.model.secrets import SECRET_BYTES, secret_of

CODE_SECONDS = 60

REFRESH_SECONDS_MAX = 30 * 86_400
"""A refresh token that nobody uses for so long is over."""

FORGET_SECONDS = 30 * 86_400
"""A family is kept for so long after its end, so that a late second use is still known for what it is."""

FAMILIES_LISTED_MAX = 200

_SQL = queries("tianfu.services.accounts.oauth.sql", "families.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What an authorisation gives: to which program, for whom, how far, and until when.

    `patient` is the one of the launch.  Without an account the program acts for itself.
    """

    id: str
    client: str
    scopes: tuple[str, ...]
    patient: str | None
    account: str | None
    workplace: str | None
    session: str | None
    proved_at: Instant
    is_offline: bool
    until: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Living:
    """A family that lives, and who stands behind it now."""

    id: str
    client: str
    scopes: tuple[str, ...]
    patient: str | None
    caller: Caller
    session: str | None
    proved_at: Instant
    until: Instant


@dataclass(frozen=True, slots=True)
class Code:
    """A code that was used up just now, with all that must fit."""

    family: str
    redirect: str
    challenge: str
    nonce: str | None
    until: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What somebody allows to a program, as he sees it."""

    family: str
    client: str
    scopes: tuple[str, ...]
    patient: str | None
    is_offline: bool
    since: Instant
    until: Instant


class Families:
    """Families in PostgreSQL."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def transaction(self) -> Transaction:
        """A transaction in which the statements below happen together."""
        return self._database.transaction("app")

    async def begin(self, transaction: Transaction, family: Family) -> None:
        """Begin a family."""
        await transaction.run(
            _SQL.add_family,
            family=family.id,
            client=family.client,
            account=family.account,
            workplace=family.workplace,
            session=family.session,
            scopes=text_array(family.scopes),
            patient=family.patient,
            proved_at=family.proved_at,
            is_offline=family.is_offline,
            now=self._clock(),
            until=family.until,
        )

    async def give_code(
        self, transaction: Transaction, family: str, *, redirect: str, challenge: str, nonce: str | None
    ) -> str:
        """A code for a family, for a minute; we keep its digest."""
        secret = secret_of(os.urandom(SECRET_BYTES))
        await transaction.run(
            _SQL.add_code,
            digest=secret.digest,
            family=family,
            redirect=redirect,
            challenge=challenge,
            nonce=nonce,
            until=self._clock() + CODE_SECONDS * SECOND,
        )
        return secret.text

    async def use_code(self, transaction: Transaction, digest: bytes) -> Code | None:
        """Use a code up; None if there is none, or if it was used."""
        row = await transaction.one(_SQL.use_code, digest=digest, now=self._clock())
        return None if row is None else Code(*row)

    async def family_of_code(self, transaction: Transaction, digest: bytes) -> str | None:
        """Whose a code was; None for what never was one."""
        row = await transaction.one(_SQL.family_of_code, digest=digest)
        return None if row is None else str(row[0])

    async def give_refresh(self, transaction: Transaction, family: str, *, until: Instant) -> str:
        """A refresh token for a family, until its end or until nobody has used it for long."""
        secret = secret_of(os.urandom(SECRET_BYTES))
        over = min(until, self._clock() + REFRESH_SECONDS_MAX * SECOND)
        await transaction.run(_SQL.add_refresh, digest=secret.digest, family=family, until=over)
        return secret.text

    async def use_refresh(self, transaction: Transaction, digest: bytes, client: str) -> tuple[str, Instant] | None:
        """Use a client's refresh token up: its family, and until when it was good; None as `use_code`."""
        row = await transaction.one(_SQL.use_refresh, digest=digest, client=client, now=self._clock())
        return None if row is None else (row[0], row[1])

    async def family_of_refresh(self, transaction: Transaction, digest: bytes) -> tuple[str, bool] | None:
        """Whose a refresh token is, and whether it was used; None for what never was one."""
        row = await transaction.one(_SQL.family_of_refresh, digest=digest)
        return None if row is None else (row[0], row[1])

    async def end(self, transaction: Transaction, family: str, why: str) -> bool:
        """End a family, and with it all its tokens within a second; whether it lived until now."""
        return await transaction.run(_SQL.end_family, family=family, why=why, now=self._clock()) > 0

    async def living(self, family: str) -> Living | None:
        """What a family stands for now; None once anything that it stands on has ended."""
        now = self._clock()
        async with self._database.connection("app") as connection:
            row = await connection.one(_SQL.living_family, family=family, now=now)
        return _living(family, row, now)

    async def living_in(self, transaction: Transaction, family: str) -> Living | None:
        """The same, inside a transaction."""
        now = self._clock()
        return _living(family, await transaction.one(_SQL.living_family, family=family, now=now), now)

    async def client_of(self, transaction: Transaction, family: str) -> str | None:
        """Whose family it is, whether it lives or not."""
        row = await transaction.one(_SQL.family, family=family)
        return None if row is None else str(row[0])

    async def of_account(self, account: str) -> list[Listed]:
        """What somebody allows to programs now, the newest first."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(
                _SQL.families_of_account, account=account, now=self._clock(), limit=FAMILIES_LISTED_MAX
            )
        return [
            Listed(
                family=row[0],
                client=row[1],
                scopes=tuple(row[2]),
                patient=row[3],
                is_offline=row[4],
                since=row[5],
                until=row[6],
            )
            for row in rows
        ]

    async def forget(self) -> None:
        """Forget families that ended long ago."""
        async with self._database.connection("app") as connection:
            await connection.run(_SQL.forget_families, now=self._clock() - FORGET_SECONDS * SECOND)


def new_family() -> str:
    """A name for a family, which tokens carry and the trace shows."""
    return new_uuid7()


def _living(family: str, row: Row | None, now: Instant) -> Living | None:
    if row is None or _lies_idle(row, now):
        return None
    client, account, session, scopes, patient, until, proved_at = row[:7]
    return Living(
        id=family,
        client=client,
        scopes=tuple(scopes),
        patient=patient,
        caller=_program(client, row) if account is None else _person(account, session, until, proved_at, row, now),
        session=session,
        proved_at=proved_at,
        until=until,
    )


def _lies_idle(row: Row, now: Instant) -> bool:
    """Whether a family stands on a session that nobody has used for too long.

    What its program does does not count as use: it may go on by itself when the person has left.
    """
    kind, role, is_offline, seen_at = row[9], row[13], row[17], row[18]
    if kind is None or is_offline:
        return False
    lifetime = lifetime_of(Kind(kind), role, needs_second_factor=False)
    return bool(now >= seen_at + lifetime.idle_seconds * SECOND)


def _program(client: str, row: Row) -> Caller:
    return Caller(id=client, role=row[7], organisation=row[8], session=client)


def _person(account: str, session: str, until: Instant, proved_at: Instant, row: Row, now: Instant) -> Caller:
    """The caller that this person is in a session of his own, so that a program never is somebody else."""
    kind, assurance, workplace, organisation, role, practitioner, patients, related = row[9:17]
    person = Account(
        id=account,
        kind=Kind(kind),
        name="",
        number="",
        assurance=Assurance(assurance),
        patients=tuple(patients),
        related=tuple(related),
        named_at=Instant(row[19]),
    )
    place = None
    if workplace is not None:
        place = Workplace(
            id=workplace, account=account, organisation=organisation, role=role, practitioner=practitioner
        )
    standing = SignedIn(
        session=session,
        account=lapses().judged(person, now),
        workplace=place,
        methods=frozenset(),
        proved_at=proved_at,
        until=until,
    )
    return standing.caller
