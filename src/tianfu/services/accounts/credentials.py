"""What proves who somebody is: passwords, authenticators, recovery codes and the rows of passkeys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tianfu.db import Database, SerializationFailure, Transaction, UniqueViolation, queries
from tianfu.kernel.ids import new_uuid7
from tianfu.kernel.instants import Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.seals import Place, Sealed, Seals
from tianfu.services.accounts.hashing import Passwords
from tianfu.services.accounts.keys import AccountKeys
from tianfu.services.accounts.recovery import new_codes, plain_code
from tianfu.services.accounts.store import shown
from tianfu.services.accounts.totp import step_of

PASSKEYS_MAX = 20
AUTHENTICATORS_MAX = 5
LABEL_CHARACTERS_MAX = 60

_CREDENTIALS = queries("tianfu.services.accounts.sql", "credentials.sql")
_OUTSIDE = queries("tianfu.services.accounts.oauth.sql", "outside.sql")
_PEOPLE = queries("tianfu.services.accounts.sql", "people.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A credential as its owner sees it; `kind` is password, totp, passkey or recovery."""

    credential: str
    kind: str
    label: str
    created_at: Instant
    used_at: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """A passkey's row: whose it is, its public key as its protocol writes it, and how often it has signed."""

    credential: str
    account: str
    public_key: bytes
    count: int


class Credentials:
    """Credentials in PostgreSQL."""

    def __init__(
        self, database: Database, keys: AccountKeys, seals: Seals, passwords: Passwords, *, clock: Clock
    ) -> None:
        self._database = database
        self._keys = keys
        self._seals = seals
        self._passwords = passwords
        self._clock = clock

    async def password_is(self, account: str | None, password: str) -> bool:
        """Whether this is the account's password; the same work is done where there is no account, or no password.

        Raises Refusal `sign-in-busy`.
        """
        async with self._database.connection("app") as connection:
            row = await connection.one(_CREDENTIALS.password_of, account=account or "")
        compared = await self._passwords.compare(None if row is None else row[1], password)
        if row is None or not compared.is_right:
            return False
        async with self._database.connection("app") as connection:
            await connection.run(_CREDENTIALS.used_credential, credential=row[0], now=self._clock())
            if compared.is_outdated:
                anew = await self._passwords.digest(password)
                await connection.run(_CREDENTIALS.replace_digest, credential=row[0], before=row[1], secret=anew)
        return True

    async def password_name(self, account: str | None) -> str:
        """The name of the account's password as it is now, empty without one; asked before a password is compared."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_CREDENTIALS.password_of, account=account or "")
        return "" if row is None else str(row[0])

    async def digest(self, password: str) -> bytes:
        """The digest that `set_password` keeps; made before its transaction begins, because it takes long."""
        return await self._passwords.digest(password)

    async def set_password(self, transaction: Transaction, account: str, digest: bytes) -> None:
        """A password of his own instead of the old one; raises SerializationFailure if another was set meanwhile."""
        await self._set_password(transaction, account, digest, is_handed_over=False)

    async def set_handed_over(self, transaction: Transaction, account: str, digest: bytes) -> None:
        """A password that somebody else knows, for its owner to replace; raises as `set_password` does."""
        await self._set_password(transaction, account, digest, is_handed_over=True)

    async def has_handed_over(self, account: str) -> bool:
        """Whether somebody's password is still the one that was handed over to him."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_CREDENTIALS.has_handed_over_password, account=account)
        return row is not None and row[0]

    async def _set_password(
        self, transaction: Transaction, account: str, digest: bytes, *, is_handed_over: bool
    ) -> None:
        await transaction.one(
            _PEOPLE.lock_account, account=account
        )  # whoever signs in by the old one comes before or not
        await self._end_kind(transaction, account, "password")
        try:
            await self._add(transaction, account, "password", secret=digest, is_handed_over=is_handed_over)
        except UniqueViolation as violation:
            raise SerializationFailure("set_password") from violation

    async def add_totp(self, transaction: Transaction, account: str, secret: bytes, *, step: int, label: str) -> None:
        """An authenticator that has just shown the code of `step`; raises Refusal `too-many-credentials`."""
        rows = await transaction.all(_CREDENTIALS.totps_of, account=account)
        if len(rows) >= AUTHENTICATORS_MAX:
            raise Refusal("too-many-credentials", next_step="remove-one-first")
        credential = new_uuid7()
        sealed = self._seals.seal(_place(credential), secret)
        await self._seals.hold(transaction, sealed)
        await self._add(
            transaction,
            account,
            "totp",
            credential=credential,
            secret=sealed.value,
            sealed_with=sealed.sealed_with,
            counter=step,
            label=label,
        )

    async def use_totp(self, account: str, code: str) -> str | None:
        """Which of the account's authenticators shows this code now, None if none; it is no code any more, if so."""
        now = self._clock()
        async with self._database.connection("app") as connection:
            for credential, secret, sealed_with in await connection.all(_CREDENTIALS.totps_of, account=account):
                step = step_of(self._seals.open(_place(credential), Sealed(secret, sealed_with)), code, now)
                if step is not None and await connection.one(
                    _CREDENTIALS.use_step, credential=credential, step=step, now=now
                ):
                    return str(credential)
        return None

    async def new_recovery_codes(self, transaction: Transaction, account: str) -> tuple[str, ...]:
        """Ten codes to print, instead of those there were; only their digests are kept."""
        codes = new_codes()
        await self._end_kind(transaction, account, "recovery")
        for code in codes:
            plain = plain_code(code)
            if plain is None:
                raise RuntimeError("a new recovery code is one")
            await self._add(transaction, account, "recovery", secret=self._keys.recovery(account, plain))
        return codes

    async def use_recovery(self, account: str, code: str) -> bool:
        """Whether this is one of the account's recovery codes; it is none any more, if so."""
        plain = plain_code(code)
        if plain is None:
            return False
        digest = self._keys.recovery(account, plain)
        async with self._database.connection("app") as connection:
            row = await connection.one(_CREDENTIALS.use_recovery, account=account, secret=digest, now=self._clock())
        return row is not None

    async def recovery_codes_left(self, account: str) -> int:
        """How many recovery codes somebody has."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_CREDENTIALS.recovery_left, account=account)
        return row[0] if row else 0

    async def has_second_factor(self, account: str) -> bool:
        """Whether an authenticator or a passkey is set up."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_CREDENTIALS.has_second_factor, account=account)
        return row is not None and row[0]

    async def passkey(self, key_id: bytes) -> Passkey | None:
        """The passkey of this number, if it and its owner's account stand."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_CREDENTIALS.passkey, key_id=key_id)
        return None if row is None else Passkey(credential=row[0], account=row[1], public_key=row[2], count=row[3])

    async def passkeys_of(self, account: str) -> Sequence[bytes]:
        """The numbers of somebody's passkeys."""
        async with self._database.connection("app") as connection:
            return [row[0] for row in await connection.all(_CREDENTIALS.passkeys_of, account=account)]

    async def add_passkey(
        self, transaction: Transaction, account: str, *, key_id: bytes, public_key: bytes, count: int, label: str
    ) -> None:
        """A passkey that has just been registered; raises Refusal `passkey-known` or `too-many-credentials`."""
        if len(await transaction.all(_CREDENTIALS.passkeys_of, account=account)) >= PASSKEYS_MAX:
            raise Refusal("too-many-credentials", next_step="remove-one-first")
        try:
            await self._add(
                transaction, account, "passkey", key_id=key_id, secret=public_key, counter=count, label=label
            )
        except UniqueViolation as violation:
            raise Refusal("passkey-known") from violation

    async def count_passkey(self, passkey: Passkey, count: int) -> bool:
        """Keep a passkey's new count of signatures; no if it did not grow: two devices hold it (WebAuthn 6.1.1)."""
        async with self._database.connection("app") as connection:
            row = await connection.one(
                _CREDENTIALS.count_passkey, credential=passkey.credential, counter=count, now=self._clock()
            )
        return row is not None

    async def listed(self, account: str) -> list[Listed]:
        """What proves who somebody is, oldest first; no secret is among it."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_CREDENTIALS.credentials_of, account=account)
        return [
            Listed(
                credential=row[0],
                kind=row[1],
                label=row[2],
                created_at=Instant(row[3]),
                used_at=None if row[4] is None else Instant(row[4]),
            )
            for row in rows
        ]

    async def end(self, transaction: Transaction, account: str, credential: str) -> str:
        """One credential proves nothing any more; its kind.  Raises Refusal `credential-unknown`."""
        row = await transaction.one(
            _CREDENTIALS.end_credential, account=account, credential=credential, now=self._clock()
        )
        if row is None:
            raise Refusal("credential-unknown")
        return str(row[0])

    async def end_all(self, transaction: Transaction, account: str) -> None:
        """Nothing proves who somebody is any more."""
        await transaction.run(_CREDENTIALS.end_credentials, account=account, now=self._clock())
        await transaction.run(_OUTSIDE.unlink_all_outside, account=account, now=self._clock())

    async def _end_kind(self, transaction: Transaction, account: str, kind: str) -> None:
        await transaction.run(_CREDENTIALS.end_credentials_of_kind, account=account, kind=kind, now=self._clock())

    async def _add(
        self,
        transaction: Transaction,
        account: str,
        kind: str,
        *,
        secret: bytes,
        credential: str = "",
        key_id: bytes | None = None,
        sealed_with: int = 0,
        counter: int = 0,
        label: str = "",
        is_handed_over: bool = False,
    ) -> None:
        await transaction.run(
            _CREDENTIALS.add_credential,
            credential=credential or new_uuid7(),
            account=account,
            kind=kind,
            key_id=key_id,
            secret=secret,
            sealed_with=sealed_with,
            counter=counter,
            label=shown(label, LABEL_CHARACTERS_MAX),
            handed_over=is_handed_over,
            now=self._clock(),
        )


def _place(credential: str) -> Place:
    return Place("credential", credential, "secret", 1)
