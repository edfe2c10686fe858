"""The keys that sign tokens: made here, sealed by the vault, changed in turn, and shown as a JWK Set (RFC 7517)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from joserfc.jwk import ECKey

from tianfu.db import Database, Transaction, queries
from tianfu.db.prepared import Row
from tianfu.kernel.instants import SECOND, Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.oauth.model.claims import ALGORITHM
from tianfu.services.accounts.oauth.model.keys import LOOK_SECONDS, KeyRow, KeyState, end_of_old, is_due
from tianfu.vault.ciphers import NotAuthentic
from tianfu.vault.keyring import Keyring

CURVE = "P-256"

LOOKS_APART_SECONDS = 1
"""A kid that nobody has is looked for at most so often, whoever shows how many."""

_SQL = queries("tianfu.services.accounts.oauth.sql", "keys.sql")


@dataclass(frozen=True, slots=True)
class _Held:
    """A key as a worker holds it."""

    row: KeyRow
    key: ECKey
    public: Mapping[str, Any]


class SigningKeys:
    """Keys of one worker; all workers have the same ones."""

    def __init__(self, database: Database, keyring: Keyring, clock: Clock) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._held: Mapping[str, _Held] = {}
        self._looked_at = Instant(0)
        self._looking = asyncio.Lock()

    @staticmethod
    async def open(database: Database, keyring: Keyring, clock: Clock) -> SigningKeys:
        """The keys of an installation; its first ones are made if there are none."""
        keys = SigningKeys(database, keyring, clock)
        await keys.look()
        return keys

    async def current(self) -> ECKey:
        """The key that signs now; its `kid` names it."""
        if self._clock() - self._looked_at >= LOOK_SECONDS * SECOND:
            await self.look()
        for each in self._held.values():
            if each.row.state is KeyState.CURRENT:
                return each.key
        raise Refusal("key-unknown", next_step="call-operator", details={"key": "signing"})

    async def known(self, kid: str) -> ECKey | None:
        """The key of this name, if a token may be signed with it now; None if it is over or was never ours."""
        held = self._held.get(kid)
        now = self._clock()
        if held is None and now - self._looked_at >= LOOKS_APART_SECONDS * SECOND:
            await self.look()
            held = self._held.get(kid)
        if held is None or (held.row.until is not None and now >= held.row.until):
            return None
        return held.key

    async def key_set(self) -> Mapping[str, Any]:
        """The public keys: the current one, the next one, and old ones that are still believed."""
        if self._clock() - self._looked_at >= LOOK_SECONDS * SECOND:
            await self.look()
        now = self._clock()
        return {
            "keys": [
                dict(each.public) for each in self._held.values() if each.row.until is None or now < each.row.until
            ]
        }

    async def look(self) -> None:
        """Learn which keys there are now, and change them if it is time."""
        async with self._looking:
            rows = await self._rows()
            if is_due([_row(row) for row in rows], self._clock()):
                rows = await self._change(only_if_due=True, until=end_of_old(self._clock()))
            self._learn(rows)

    async def change(self, *, is_lost: bool) -> None:
        """Have the next key sign from now on.

        Tokens of the key before stay good until they are over, unless the key `is_lost`: then they are refused at once.
        """
        async with self._looking:
            now = self._clock()
            self._learn(await self._change(only_if_due=False, until=now if is_lost else end_of_old(now)))

    async def _rows(self) -> Sequence[Row]:
        async with self._database.connection("app") as connection:
            return await connection.all(_SQL.signing_keys)

    async def _change(self, *, only_if_due: bool, until: Instant) -> Sequence[Row]:
        now = self._clock()
        async with self._database.transaction("app") as transaction:
            await transaction.run(_SQL.lock_keys)
            known = [_row(row) for row in await transaction.all(_SQL.signing_keys)]
            if not only_if_due or is_due(known, now):
                await transaction.run(_SQL.forget_signing_keys, now=now)
                await transaction.run(_SQL.retire_signing_key, until=until)
                if not await transaction.run(_SQL.promote_signing_key, now=now):
                    await self._make(transaction, KeyState.CURRENT, now)
                await self._make(transaction, KeyState.NEXT, now)
            return await transaction.all(_SQL.signing_keys)

    async def _make(self, transaction: Transaction, state: KeyState, now: Instant) -> None:
        key = ECKey.generate_key(CURVE, auto_kid=True)
        kid = str(key.kid)
        number, cipher = self._keyring.sealing(1)
        await transaction.run(
            _SQL.add_signing_key,
            kid=kid,
            public=orjson.dumps(key.as_dict(private=False)).decode(),
            sealed=cipher.seal(orjson.dumps(key.as_dict(private=True)), _place(kid)),
            sealed_with=number,
            state=state.value,
            now=now,
            since=now if state is KeyState.CURRENT else None,
        )

    def _learn(self, rows: Sequence[Row]) -> None:
        held = {}
        for row in rows:
            known = _row(row)
            before = self._held.get(known.kid)
            key = before.key if before is not None and before.row.state is known.state else self._opened(row, known)
            held[known.kid] = _Held(known, key, _shown(row))
        self._held, self._looked_at = held, self._clock()

    def _opened(self, row: Row, known: KeyRow) -> ECKey:
        """The private key where it signs now, else the public one, which is all that is needed."""
        if known.state is not KeyState.CURRENT:
            return ECKey.import_key(orjson.loads(row[1]))
        try:
            return ECKey.import_key(orjson.loads(self._keyring.opening(row[3]).open(row[2], _place(known.kid))))
        except NotAuthentic:
            raise Refusal("field-not-authentic", next_step="call-operator", details={"element": "key"}) from None


def _row(row: Row) -> KeyRow:
    return KeyRow(kid=row[0], state=KeyState(row[4]), since=row[5], until=row[6])


def _shown(row: Row) -> Mapping[str, Any]:
    return {**orjson.loads(row[1]), "use": "sig", "alg": ALGORITHM}


def _place(kid: str) -> bytes:
    """What a sealed private key is bound to."""
    return b"signing_key " + kid.encode()
