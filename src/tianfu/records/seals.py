"""How services seal what they keep outside records: each value for its own place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from struct import pack
from typing import NamedTuple, TypeVar

from tianfu.db import SerializationFailure, Transaction, queries
from tianfu.kernel.refusal import Refusal
from tianfu.vault.ciphers import NotAuthentic
from tianfu.vault.keyring import Keyring

TRIES_MAX = 3

_VAULT = queries("tianfu.records.sql", "vault.sql")

T = TypeVar("T")


class Place(NamedTuple):
    """Where a sealed value stands: it opens nowhere else."""

    table: str
    row: str
    column: str
    version: int


class Sealed(NamedTuple):
    """A sealed value and the number of the key that sealed it."""

    value: bytes
    sealed_with: int


@dataclass(frozen=True, slots=True)
class Seals:
    """Seals values of services, and opens them."""

    keyring: Keyring

    def seal(self, place: Place, plain: bytes) -> Sealed:
        """The value sealed for this place by the key that is current now."""
        number, cipher = self.keyring.sealing(1)
        return Sealed(cipher.seal(plain, _bound(place, number)), number)

    def open(self, place: Place, sealed: Sealed) -> bytes:
        """The value; raises Refusal `field-not-authentic` if it was sealed for another place, or `key-unknown`."""
        try:
            return self.keyring.opening(sealed.sealed_with).open(sealed.value, _bound(place, sealed.sealed_with))
        except NotAuthentic:
            details = {"type": place.table, "version": str(place.version), "element": place.column}
            raise Refusal("field-not-authentic", next_step="call-operator", details=details) from None

    async def hold(self, transaction: Transaction, sealed: Sealed) -> None:
        """Keep the key current until the transaction ends; raises SerializationFailure if it was replaced meanwhile."""
        await transaction.run(_VAULT.hold_key, number=sealed.sealed_with)

    async def again(self, work: Callable[[], Awaitable[T]]) -> T:
        """The work, done anew while another key becomes current or another transaction came first."""
        for _ in range(TRIES_MAX - 1):
            try:
                return await work()
            except SerializationFailure:
                self.keyring.look()
        return await work()


def _bound(place: Place, key: int) -> bytes:
    """All members of a place, each behind its length, so that no two places read alike."""
    texts = [each.encode() for each in (place.table, place.row, place.column)]
    return b"".join([*(pack("!H", len(text)) + text for text in texts), pack("!qi", place.version, key)])
