"""What accounts derive from the installation's index secret, and how they seal: each value for its own place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from struct import pack
from typing import NamedTuple, TypeVar

from tianfu.db import SerializationFailure, Transaction, queries
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import Kind
from tianfu.vault.blind import blind
from tianfu.vault.ciphers import NotAuthentic
from tianfu.vault.hashing import hmac_sm3, sm3
from tianfu.vault.keyring import Keyring

DIGEST_BYTES = 32
TOLD_BYTES = 12
"""How much of a keyed digest the trace shows: enough to find the same again."""

TRIES_MAX = 3

_VAULT = queries("tianfu.records.sql", "vault.sql")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AccountKeys:
    """A key for what accounts look up or compare by keyed digest; without it a copy of the tables answers no guess."""

    secret: bytes

    @staticmethod
    def of(index_secret: bytes) -> AccountKeys:
        """Derived from the secret of the index, which never changes while the database lives."""
        return AccountKeys(hmac_sm3(index_secret, b"accounts"))

    def handle(self, kind: Kind, number: str) -> bytes:
        """What an account is found by; equal numbers of a resident and of staff have nothing in common."""
        return self._digest(f"handle {kind}", number)

    def real_name(self, name: str) -> bytes:
        """A folded real name, to compare with another; no row is found by it alone."""
        return self._digest("real name", name)

    def address(self, address: str) -> bytes:
        """Under what failures of a network address count."""
        return self._digest("address", address)

    def code(self, handle: bytes, code: str) -> bytes:
        """A one-time code, for this handle alone."""
        return blind(self.secret, "code", handle + _bytes(code), size_bytes=DIGEST_BYTES)

    def recovery(self, account: str, code: str) -> bytes:
        """A recovery code, for this account alone."""
        return blind(self.secret, "recovery", _bytes(f"{account} {code}"), size_bytes=DIGEST_BYTES)

    def paper(self, number: str, code: str) -> bytes:
        """A paper from a desk, for the bearer of this identity number alone."""
        return blind(self.secret, "paper", _bytes(f"{number} {code}"), size_bytes=DIGEST_BYTES)

    def told(self, digest: bytes) -> str:
        """A handle or address as the trace tells it: another digest, so that no row is found by it."""
        return blind(self.secret, "told", digest, size_bytes=TOLD_BYTES).hex()

    def _digest(self, field: str, text: str) -> bytes:
        return blind(self.secret, field, _bytes(text), size_bytes=DIGEST_BYTES)


def secret_digest(secret: str) -> bytes:
    """The digest of a secret that we drew ourselves: it is long enough to need no key and no salt."""
    return sm3(_bytes(secret))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


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
    """Seals values of accounts, and opens them."""

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
