"""Carry what a person typed through an address without the address saying it.

A search for a name is posted, sealed (AES-256-GCM, NIST SP 800-38D) and answered with a redirect: the
address bar, the history and the log see random letters, and the page can be reloaded.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tianfu.kernel.instants import SECOND, Clock
from tianfu.kernel.refusal import Refusal

SEAL_SECONDS_MAX = 8 * 3_600
NONCE_BYTES = 12


class Sealer:
    """Seals and opens form fields for `SEAL_SECONDS_MAX` seconds; `key` is 32 bytes shared by all workers."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        self._cipher = AESGCM(key)
        self._clock = clock

    def seal(self, what: str, fields: Mapping[str, str]) -> str:
        """Turn fields into letters that are safe in an address; `what` binds them to one use."""
        nonce = os.urandom(NONCE_BYTES)
        until = self._clock() + SEAL_SECONDS_MAX * SECOND
        plain = json.dumps([until, dict(fields)]).encode()
        sealed = nonce + self._cipher.encrypt(nonce, plain, what.encode())
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, what: str, letters: str) -> Mapping[str, str]:
        """The fields that `seal` closed; refuses letters that are broken, foreign or too old."""
        try:
            sealed = base64.urlsafe_b64decode(letters + "=" * (-len(letters) % 4))
            plain = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], what.encode())
        except (binascii.Error, InvalidTag, ValueError) as error:
            raise Refusal("address-not-ours", next_step="start-again") from error
        until, fields = json.loads(plain)
        if until < self._clock():
            raise Refusal("address-too-old", next_step="start-again")
        return {str(name): str(value) for name, value in fields.items()}
