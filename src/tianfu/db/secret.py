"""The secret from which the database roles' passwords are derived: made once, readable by its owner alone."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from tianfu.kernel.refusal import Refusal

SECRET_BYTES = 32


def database_secret(file: Path, *, make: bool) -> bytes:
    """Read the secret; `make` says whether a missing one may be made, else it is refused."""
    if make and not file.exists():
        make_secret_file(file, secrets.token_hex(SECRET_BYTES).encode())
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


def make_secret_file(file: Path, content: bytes) -> None:
    """Make a file whole or not at all, for its owner alone; of several processes that try, the first one's counts."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, unfinished = tempfile.mkstemp(prefix=f"{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        with suppress(FileExistsError):  # another process made it in the same moment: its content counts
            file.hardlink_to(unfinished)
    finally:
        Path(unfinished).unlink()


def _refusal(code: str, file: Path) -> Refusal:
    return Refusal(code, next_step="restore-the-secret-file", details={"file": str(file)})
