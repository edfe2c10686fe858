"""The secret from which the database roles' passwords are derived: made once, readable by its owner alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from tianfu.kernel.refusal import Refusal

SECRET_BYTES = 32


def database_secret(file: Path, *, make: bool) -> bytes:
    """Read the secret; `make` says whether a missing one may be made, else it is refused."""
    if make and not file.exists():
        _make(file)
    try:
        mode = file.stat().st_mode
        secret = bytes.fromhex(file.read_text("ascii").strip())
    except (OSError, ValueError) as error:
        raise _refusal("database-secret-unreadable", file) from error
    if mode & 0o077:
        raise _refusal("database-secret-open-to-others", file)
    if len(secret) < SECRET_BYTES:
        raise _refusal("database-secret-unreadable", file)
    return secret


def _make(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f"{file.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(secrets.token_hex(SECRET_BYTES))
        out.flush()
        os.fsync(out.fileno())
    try:
        os.link(unfinished, file)
    except FileExistsError:
        pass  # another process made it in the same moment: its secret counts
    finally:
        unfinished.unlink()


def _refusal(code: str, file: Path) -> Refusal:
    return Refusal(code, next_step="restore-the-secret-file", details={"file": str(file)})
