"""What accounts derive from the installation's index secret."""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.services.accounts.model.people import Kind
from tianfu.vault.blind import blind
from tianfu.vault.hashing import hmac_sm3, sm3

DIGEST_BYTES = 32
TOLD_BYTES = 12
"""How much of a keyed digest the trace shows: enough to find the same again."""


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
