"""The key with which one home signs epochs and roots, and the public half that others check with."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tianfu.db.secret import make_secret_file
from tianfu.kernel.refusal import Refusal
from tianfu.records.trail.links import sm3
from tianfu.vault import sm2

KEY_FILE = "audit-sm2.pem"
SERIES_BYTES = 16


@dataclass(frozen=True, slots=True)
class Signed:
    """A text, the name of the key that signed it, and the signature."""

    record: str
    key: str
    signature: bytes

    @property
    def lines(self) -> bytes:
        """The three lines in which it lies outside the database."""
        return f"{self.record}\n{self.key}\n{self.signature.hex()}\n".encode()


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs for one home; `series` names the home in its roots."""

    series: bytes
    private: bytes
    public: bytes

    @property
    def name(self) -> str:
        """The key's name: the start of the digest of its public half."""
        return sm3(self.public).hex()[:16]

    def signed(self, record: str) -> Signed:
        """The text with its signature."""
        return Signed(record, self.name, sm2.sign(self.private, record.encode()))


@dataclass(frozen=True, slots=True)
class TrailFolders:
    """Where the trail's files of one installation lie."""

    home: Path

    @property
    def audit(self) -> Path:
        return self.home / "audit"

    @property
    def heads(self) -> Path:
        return self.audit / "heads"

    @property
    def keys(self) -> Path:
        """Public keys: whoever checks takes copies of them along."""
        return self.audit / "keys"

    @property
    def roots(self) -> Path:
        return self.audit / "roots"

    def make(self) -> None:
        """Make what is missing, for the owner alone."""
        for folder in (self.audit, self.heads, self.keys, self.roots):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def load_or_make_signer(folders: TrailFolders) -> Signer:
    """The home's signer, made at first use; raises Refusal `key-damaged`."""
    folders.make()
    private_file = folders.home / "keys" / KEY_FILE
    if not private_file.exists():
        make_secret_file(private_file, sm2.make_key())
    series_file = folders.audit / "series"
    if not series_file.exists():
        make_secret_file(series_file, os.urandom(SERIES_BYTES).hex().encode())
    private = private_file.read_bytes()
    signer = Signer(_series(series_file), private, sm2.public_key(private))
    public_file = folders.keys / f"{signer.name}.pem"
    if not public_file.exists():
        make_secret_file(public_file, signer.public)
    return signer


def _series(file: Path) -> bytes:
    try:
        series = bytes.fromhex(file.read_text("ascii").strip())
    except ValueError as error:
        raise Refusal("key-damaged", next_step="restore-key", details={"file": file.name}) from error
    if len(series) != SERIES_BYTES:
        raise Refusal("key-damaged", next_step="restore-key", details={"file": file.name})
    return series
