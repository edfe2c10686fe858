"""What a sign-in remembers between its steps: sealed, for five minutes, for one browser, to be gone on from once."""

from __future__ import annotations

import hmac

import msgspec

from tianfu.db import Database, Transaction, queries
from tianfu.kernel.instants import SECOND, Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.seals import Place, Sealed, Seals
from tianfu.services.accounts.grounds import NO_GROUNDS, Grounds
from tianfu.services.accounts.keys import secret_digest
from tianfu.services.accounts.model.people import Method
from tianfu.services.accounts.sessions import is_secret, new_secret

LIFE_SECONDS = 300
_KEY_BYTES = 4

_STEPS = queries("tianfu.services.accounts.sql", "steps.sql")


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """What a sign-in has come to: `stage` says what must come next, `data` whatever that needs.

    `grounds` are what it stands on so far.  `account` is empty as long as nobody knows whose sign-in it is.
    """

    stage: str
    account: str = ""
    methods: tuple[Method, ...] = ()
    grounds: Grounds = NO_GROUNDS
    data: dict[str, str] = {}


class _Told(msgspec.Struct):
    device: bytes
    waiting: Waiting


_read_told = msgspec.msgpack.Decoder(_Told).decode
_write_told = msgspec.msgpack.Encoder().encode


class Steps:
    """Sign-ins that wait for their next step."""

    def __init__(self, database: Database, seals: Seals, *, clock: Clock) -> None:
        self._database = database
        self._seals = seals
        self._clock = clock

    async def begin(self, waiting: Waiting, *, device: str, seconds: int = LIFE_SECONDS) -> tuple[str, Instant]:
        """Keep where a sign-in stands; the secret by which this browser goes on, and until when."""
        secret = new_secret()
        digest = secret_digest(secret)
        until = Instant(self._clock() + seconds * SECOND)
        plain = _write_told(_Told(device=secret_digest(device), waiting=waiting))
        sealed = self._seals.seal(_place(digest), plain)
        async with self._database.connection("app") as connection:
            await connection.run(
                _STEPS.begin_step,
                step=digest,
                account=waiting.account or None,
                told=sealed.sealed_with.to_bytes(_KEY_BYTES) + sealed.value,
                until=until,
            )
        return secret, until

    async def read(self, secret: str, *, device: str, stage: str) -> Waiting:
        """Where a sign-in stands that waits at this stage in this browser; raises Refusal `step-over` for any other."""
        if not is_secret(secret) or not is_secret(device):
            raise step_over()
        digest = secret_digest(secret)
        async with self._database.connection("app") as connection:
            row = await connection.one(_STEPS.step, step=digest, now=self._clock())
        if row is None:
            raise step_over()
        number, value = int.from_bytes(row[0][:_KEY_BYTES]), row[0][_KEY_BYTES:]
        told = _read_told(self._seals.open(_place(digest), Sealed(value, number)))
        if not hmac.compare_digest(told.device, secret_digest(device)) or told.waiting.stage != stage:
            raise step_over()
        return told.waiting

    async def take(self, transaction: Transaction, secret: str) -> None:
        """Go on from a step, which nobody can do again; raises Refusal `step-over` for who comes second."""
        if await transaction.one(_STEPS.take_step, step=secret_digest(secret), now=self._clock()) is None:
            raise step_over()

    async def forget(self, *, now: Instant) -> None:
        """Forget sign-ins that nobody went on with."""
        async with self._database.connection("app") as connection:
            await connection.run(_STEPS.forget_steps, now=now)


def step_over() -> Refusal:
    """There is no such sign-in to go on with in this browser, or not any more."""
    return Refusal("step-over", next_step="sign-in")


def _place(digest: bytes) -> Place:
    return Place("sign_in_step", digest.hex(), "told", 1)
