"""The master key in a file that its owner alone can read: what an installation has without a key service.

The file says in words when it was made and for what.  One that a development installation made by itself carries a
mark, and production refuses it.
"""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from tianfu.kernel.refusal import Refusal
from tianfu.vault.ciphers import KEY_BYTES, CipherName, FieldCipher, NotAuthentic, cipher_of
from tianfu.vault.hashing import hmac_sm3

Mode = Literal["development", "production"]

FOLDER = "keys"
FILE_NAME = "master.key"
SECRET_BYTES = 32
FINGERPRINT_BYTES = 16
_FIRST_LINE = "tianfu master key 1"
_WRAPPING: tuple[CipherName, ...] = ("sm4", "aes")


@dataclass(frozen=True, slots=True)
class FileKeys:
    """A master key in memory; it wraps a key for SM4 with SM4-GCM, a longer one with AES-256-GCM."""

    secret: bytes = field(repr=False)

    @property
    def fingerprint(self) -> bytes:
        return hmac_sm3(self.secret, b"fingerprint")[:FINGERPRINT_BYTES]

    def wrap(self, key: bytes, context: bytes) -> bytes:
        number = 0 if len(key) <= KEY_BYTES["sm4"] else 1
        return bytes([number]) + self._cipher(_WRAPPING[number]).seal(key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        try:
            return self._cipher(_WRAPPING[wrapped[0]]).open(wrapped[1:], context)
        except (NotAuthentic, IndexError):
            raise Refusal("key-not-unwrapped", next_step="call-operator") from None

    def _cipher(self, name: CipherName) -> FieldCipher:
        return cipher_of(name, hmac_sm3(self.secret, b"wrap " + name.encode())[: KEY_BYTES[name]])


def master_key_file(home: Path) -> Path:
    """Where the master key of a home lies."""
    return home / FOLDER / FILE_NAME


def load(home: Path, mode: Mode) -> FileKeys:
    """The master key of a home; raises as `load_or_make` does, and `key-missing` in development too."""
    file = master_key_file(home)
    if not file.exists():
        raise Refusal("key-missing", next_step="put-the-key-in-place", details={"file": str(file)})
    return _read(file, mode)


def load_or_make(home: Path, mode: Mode) -> FileKeys:
    """The master key of a home.  Development makes a missing one, with its mark; production never makes one.

    Raises Refusal `key-missing`, `key-of-development`, `key-open-to-others` or `key-damaged`.
    """
    file = master_key_file(home)
    if not file.exists():
        if mode == "production":
            raise Refusal("key-missing", next_step="run-tianfu-keys-make", details={"file": str(file)})
        make(home, mode)
    return _read(file, mode)


def make(home: Path, mode: Mode) -> FileKeys:
    """Make the master key of a home; of several who try, the first one's counts.  An older one is left as it is."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    lines = (_FIRST_LINE, f"for {mode}", f"made {now}", f"secret {os.urandom(SECRET_BYTES).hex()}")
    file = master_key_file(home)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, unfinished = tempfile.mkstemp(prefix=f"{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write("\n".join((*lines, "")).encode())
            out.flush()
            os.fsync(out.fileno())
        with suppress(FileExistsError):
            file.hardlink_to(unfinished)
    finally:
        Path(unfinished).unlink()
    return _read(file, mode)


def _read(file: Path, mode: Mode) -> FileKeys:
    try:
        mode_bits = file.stat().st_mode
        lines = file.read_text("ascii").splitlines()
        first, purpose, _, secret = lines
        key = bytes.fromhex(secret.removeprefix("secret "))
    except (OSError, ValueError) as error:
        raise Refusal("key-damaged", next_step="restore-key", details={"file": str(file)}) from error
    if stat.S_IMODE(mode_bits) & 0o077:
        raise Refusal("key-open-to-others", next_step="take-it-from-others", details={"file": str(file)})
    if first != _FIRST_LINE or len(key) != SECRET_BYTES or purpose not in {"for development", "for production"}:
        raise Refusal("key-damaged", next_step="restore-key", details={"file": str(file)})
    if mode == "production" and purpose != "for production":
        raise Refusal("key-of-development", next_step="make-a-new-installation", details={"file": str(file)})
    return FileKeys(key)
