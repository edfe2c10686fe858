"""The logins of a demonstration, kept in a file of the home that its owner alone can read; never in production."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tianfu.kernel.instants import Instant
from tianfu.services.accounts.totp import code_at

FILE_NAME = "demo-logins.json"


class KeptLogin(msgspec.Struct, frozen=True, kw_only=True):
    """A made-up person's login; `secret` is that of his authenticator.  A resident has neither it nor a password.

    `role` is what he is shown as: it says of a resident whether he comes for himself or for a child.
    """

    role: str
    name: str
    number: str
    password: str = ""
    secret: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoLogin:
    """The same as a page shows it: `code` is what the authenticator shows now."""

    role: str
    name: str
    number: str
    password: str
    code: str


class KeptLogins:
    """The logins in a home's file; none if there is no such file."""

    def __init__(self, home: Path) -> None:
        self._file = home / FILE_NAME

    def keep(self, logins: Sequence[KeptLogin]) -> None:
        """Write them, in place of those that were there; whoever reads meanwhile reads the old or the new ones."""
        new = self._file.with_suffix(".new")
        new.unlink(missing_ok=True)  # whatever was left there may have been open to others
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(list(logins)))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._file)

    def kept(self) -> Sequence[KeptLogin]:
        """As they are kept, with their secrets."""
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=list[KeptLogin])
        except (FileNotFoundError, msgspec.MsgspecError):
            return ()

    def logins(self, now: Instant) -> Sequence[DemoLogin]:
        """All of them, with the codes of this moment."""
        return tuple(
            DemoLogin(
                role=each.role,
                name=each.name,
                number=each.number,
                password=each.password,
                code=code_at(each.secret, now) if each.secret else "",
            )
            for each in self.kept()
        )
