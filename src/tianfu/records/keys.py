"""The secrets of the index: the key that hashes identifiers, and one derived from it that signs page cursors."""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass
from pathlib import Path

from tianfu.db.secret import make_secret_file
from tianfu.kernel.refusal import Refusal

KEY_BYTES = 32
FILE_NAME = "index.key"


@dataclass(frozen=True, slots=True)
class IndexKeys:
    """All keys, derived from one secret that must never change while the database lives."""

    secret: bytes

    @property
    def identifiers(self) -> bytes:
        return hmac.digest(self.secret, b"identifiers", "sha256")

    @property
    def cursors(self) -> bytes:
        return hmac.digest(self.secret, b"cursors", "sha256")

    @property
    def queries(self) -> bytes:
        """The key of the digests that stand in the trace for values that describe a person."""
        return hmac.digest(self.secret, b"queries", "sha256")

    @property
    def fingerprint(self) -> bytes:
        """What the database keeps, to notice a wrong key before it answers wrongly."""
        return hmac.digest(self.secret, b"fingerprint", "sha256")[:16]


def load_or_make(home: Path) -> IndexKeys:
    """The key in `home`, made at first use and readable by its owner only."""
    path = home / "keys" / FILE_NAME
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_secret_file(path, os.urandom(KEY_BYTES))
    secret = path.read_bytes()
    if len(secret) != KEY_BYTES:
        raise Refusal("key-damaged", next_step="restore-key", details={"file": FILE_NAME})
    return IndexKeys(secret)
