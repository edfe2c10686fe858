"""The keys of a store: wrapped in its table, unwrapped by whoever keeps the master key; and what is derived."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tianfu.db import Addresses, Database, Role, queries
from tianfu.db.brief import briefly
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.vault.hashing import hmac_sm3
from tianfu.vault.keyring import Keyring, KeyUse, WrappedKey
from tianfu.vault.provider import Keys

MASTER = "master"
"""The name under which the fingerprint of the master key is kept."""

_SQL = queries("tianfu.records.sql", "vault.sql")
_STATE = queries("tianfu.records.sql", "state.sql")


@dataclass(frozen=True, slots=True)
class IndexKeys:
    """What is derived from the secret of the index, which never changes while the database lives."""

    identifiers: bytes
    cursors: bytes

    @staticmethod
    def of(secret: bytes) -> IndexKeys:
        """Both keys."""
        return IndexKeys(hmac_sm3(secret, b"identifiers"), hmac_sm3(secret, b"cursors"))


@dataclass(frozen=True, slots=True)
class TableShelf:
    """Wrapped keys in the table `vault_key`."""

    addresses: Addresses

    def wrapped(self) -> Sequence[WrappedKey]:
        """All keys."""
        with briefly(self.addresses, Role.OWNER) as owner:
            rows = owner.all(_SQL.keys)
        return [WrappedKey(number=r[0], use=r[1], cipher=r[2], wrapped=r[3], state=r[4]) for r in rows]

    def add(self, use: KeyUse, cipher: str, wrap: Callable[[int], bytes], *, instead_of: int | None) -> None:
        """Make the next key current, unless another process did."""
        with briefly(self.addresses, Role.OWNER) as owner:
            owner.all(_SQL.lock_keys)
            found = owner.all(_SQL.current_key, use=use)
            if (found[0][0] if found else None) != instead_of:
                return
            number = owner.all(_SQL.next_key_number)[0][0]
            owner.all(_SQL.replace_key, use=use)
            made_at = system_clock()
            owner.all(_SQL.add_key, number=number, use=use, cipher=cipher, wrapped=wrap(number), made_at=made_at)

    def reserve(self, number: int, sealings: int, *, within: int) -> int | None:
        """Set sealings aside; each is counted before it is used."""
        with briefly(self.addresses, Role.OWNER) as owner:
            found = owner.all(_SQL.reserve_sealings, number=number, sealings=sealings, within=within)
        return found[0][0] if found else None

    def wait_for_sealing(self, number: int) -> None:
        """Return once no transaction is under way that seals with a key which is not current any more."""
        with briefly(self.addresses, Role.OWNER) as owner:
            owner.all(_SQL.wait_for_sealing, number=number)


async def open_keyring(database: Database, keys: Keys) -> Keyring:
    """The keyring of a store; raises Refusal `key-differs` if its keys were wrapped by another master."""
    async with database.connection("owner") as owner:
        fingerprint = keys.provider.fingerprint
        await owner.run(_STATE.add_key_fingerprint, name=MASTER, fingerprint=fingerprint)
        kept = await owner.one(_STATE.key_fingerprint, name=MASTER)
    if kept is None or kept[0] != fingerprint:
        raise Refusal("key-differs", next_step="restore-key", details={"key": MASTER})
    return Keyring.open(keys, TableShelf(database.addresses))
