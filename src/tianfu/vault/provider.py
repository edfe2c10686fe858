"""The port to whoever keeps the master key: it wraps and unwraps the data keys, and never lends the master itself.

Two things implement it or may: `files.FileKeys`, a file that its owner alone can read, is what an installation has
without further doing.  A key service (a hardware module behind HTTP, a cloud's key management) is an adapter with
these three members, made in `tianfu.installation`:

    POST {service}/keys/{name}/wrap    {"key": base64, "context": base64}      -> {"wrapped": base64}
    POST {service}/keys/{name}/unwrap  {"wrapped": base64, "context": base64}  -> {"key": base64}
    GET  {service}/keys/{name}                                                 -> {"fingerprint": base64}

`wrapped` is opaque to us.  The service must refuse an unwrap under another context, and is asked when a process
starts, when a data key is made, and never for a single record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tianfu.vault.ciphers import CipherName


class KeyProvider(Protocol):
    """Keeps the master key.  Calls may block, and are few."""

    @property
    def fingerprint(self) -> bytes:
        """Sixteen bytes that tell this master key from any other and betray nothing of it."""
        ...

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """The data key, sealed by the master key; it comes back only under the same context."""
        ...

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """The data key; raises Refusal `key-not-unwrapped` if it was wrapped by another master or for another use."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What a store needs of an installation to seal and to find: who keeps the master, and how new data keys seal."""

    provider: KeyProvider
    cipher: CipherName
