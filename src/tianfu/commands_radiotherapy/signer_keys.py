"""A signer's private key in a file: Ed25519 in PKCS 8, sealed with a passphrase, for its owner alone."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tianfu.commands_radiotherapy.folders import not_readable, read_bounded
from tianfu.commands_radiotherapy.speaking import say
from tianfu.kernel.refusal import Refusal

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_FILE_BYTES_MOST = 10_000
PASSPHRASE_BYTES_MOST = 1_000
PASSPHRASE_LEAST = 12
"""Characters; whoever finds the file can try as many as he likes. [ours]"""

SEALED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"
"""How PKCS 8 begins that is sealed (RFC 7468 11)."""


def asked_passphrase(file: Path | None, *, is_new: bool) -> bytes:
    """The passphrase: of a file's first line if one is named, or typed unseen, a new one twice.

    Raises Refusal `key-open-to-others`, `file-not-readable`, or for a new one `passphrase-too-short`.
    """
    if file is None:
        again = say("machine-passphrase-again") if is_new else False
        typed = typer.prompt(say("machine-passphrase"), hide_input=True, confirmation_prompt=again, err=True)
        passphrase = str(typed).encode()
    else:
        _refuse_open(file)
        passphrase = read_bounded(file, bytes_most=PASSPHRASE_BYTES_MOST).split(b"\n", 1)[0].removesuffix(b"\r")
    if is_new and len(passphrase.decode("utf-8", "replace")) < PASSPHRASE_LEAST:
        raise Refusal("passphrase-too-short", details={"least": str(PASSPHRASE_LEAST)})
    return passphrase


def sealed_key(key: Ed25519PrivateKey, passphrase: bytes) -> bytes:
    """The bytes of a key's file."""
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase))


def refuse_unless_sealed(file: Path) -> None:
    """Do nothing for a key file that nobody else may read and that is sealed.

    Raises Refusal `file-not-readable`, `key-open-to-others` or `signer-key-not-sealed`.
    """
    _refuse_open(file)
    if not read_bounded(file, bytes_most=KEY_FILE_BYTES_MOST).lstrip().startswith(SEALED):
        raise Refusal("signer-key-not-sealed", details={"file": str(file)})


def opened_key(file: Path, passphrase: bytes) -> Ed25519PrivateKey:
    """The key of a file; raises Refusal as `refuse_unless_sealed`, or `signer-key-not-opened`."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    refuse_unless_sealed(file)
    content = read_bounded(file, bytes_most=KEY_FILE_BYTES_MOST)
    try:
        key = load_pem_private_key(content, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Refusal("signer-key-not-opened", details={"file": str(file)}) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Refusal("signer-key-not-opened", details={"file": str(file)})
    return key


def _refuse_open(file: Path) -> None:
    try:
        mode = file.stat().st_mode
    except OSError as error:
        raise not_readable(file, error) from error
    if stat.S_IMODE(mode) & 0o077:
        raise Refusal("key-open-to-others", next_step="take-it-from-others", details={"file": str(file)})
