"""The four database roles: who may do what inside PostgreSQL, and how each signs in.

The owner owns the tables and migrates them; the app reads and writes under forced row-level security; the
audit writer may only insert; the reader may only select.  Their passwords are derived from one secret, so that
several machines share them by sharing one file.  SCRAM: https://www.rfc-editor.org/rfc/rfc7677 .
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tianfu.kernel.refusal import Refusal

SCHEMA = "tianfu"
"""The PostgreSQL schema that holds everything of ours."""

DATABASE = "tianfu"
ADMIN = "tianfu_admin"
"""The embedded server's own administrator; an external server's is named in its address."""

CONNECT_SECONDS = 10


class Role(StrEnum):
    """A database role, by the part it plays."""

    OWNER = "owner"
    APP = "app"
    AUDIT = "audit"
    READER = "reader"

    @property
    def login(self) -> str:
        """The role's name in PostgreSQL."""
        return f"tianfu_{self.value}"

    @property
    def plans(self) -> str:
        """How the server plans this role's statements (plan_cache_mode).

        What is looked for decides how to look, so searches are planned anew each time.  Who only inserts always does
        it in one way.
        """
        return "force_generic_plan" if self is Role.AUDIT else "force_custom_plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the database is: `admin` for whoever may create roles, and the secret from which each role signs in.

    `folder` lies on the same file system as the data of a server on this machine; None if that is not known.
    """

    admin: str
    secret: bytes
    folder: Path | None = None

    @staticmethod
    def of_server(address: str, secret: bytes) -> Addresses:
        """Those of a server elsewhere; raises Refusal `database-address-malformed` without repeating the address."""
        try:
            conninfo_to_dict(address)
        except ProgrammingError:
            # Its words quote the address, and the address may hold a password.
            raise Refusal("database-address-malformed", next_step="correct-the-setting") from None
        return Addresses(admin=address, secret=secret)

    def in_database(self, name: str) -> Addresses:
        """The same server and secret, another database."""
        return replace(self, admin=make_conninfo(self.admin, dbname=name))

    def of(self, role: Role) -> str:
        """The connection string of a role."""
        return make_conninfo(
            self.admin,
            user=role.login,
            password=password(self.secret, role.login),
            options=f"-c search_path={SCHEMA} -c plan_cache_mode={role.plans}",
            connect_timeout=CONNECT_SECONDS,
            client_encoding="UTF8",
            application_name=f"tianfu {role.value}",
        )


def password(secret: bytes, login: str) -> str:
    """The password of a role; 256 bits."""
    return hmac.digest(secret, login.encode(), "sha256").hex()
