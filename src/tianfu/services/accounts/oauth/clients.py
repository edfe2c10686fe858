"""The register of programs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from tianfu.access.caller import Caller
from tianfu.access.rules import rules
from tianfu.db import Database, queries, text_array
from tianfu.db.prepared import Row
from tianfu.kernel.ids import FHIR_ID, new_uuid7
from tianfu.kernel.instants import Clock
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.oauth.model.clients import (
    Client,
    ClientKind,
    Registration,
    fault_of_keys,
    fault_of_registration,
)
from tianfu.services.accounts.oauth.model.secrets import SECRET_BYTES, Secret, secret_of
from tianfu.services.accounts.oauth.trail import ProgramTrail

CLIENTS_LISTED_MAX = 1_000

BACKEND_ROLES = frozenset({"hospital-system", "regulator", "researcher"})
"""Roles that a program may have which acts for itself; those of people are never a program's own."""


def backend_roles(*, is_production: bool) -> frozenset[str]:
    """The roles of backend services here; those of development are among them, but not in production."""
    known = rules().values()
    of_development = frozenset(rule.role for rule in known if rule.development_only)
    return (BACKEND_ROLES & {rule.role for rule in known}) | (frozenset() if is_production else of_development)


_SQL = queries("tianfu.services.accounts.oauth.sql", "clients.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A program that was registered; `secret` is shown this once and kept by nobody here, None without one."""

    client: str
    secret: str | None


class Clients:
    """Programs in PostgreSQL.  Who may register them is asked before; each change commits with its event."""

    def __init__(self, database: Database, trail: ProgramTrail, clock: Clock, *, is_production: bool) -> None:
        self._database = database
        self._trail = trail
        self._clock = clock
        self._roles = backend_roles(is_production=is_production)

    async def register(self, by: Caller, registration: Registration) -> Registered:
        """Register a program; raises Refusal `client-unusable` with the reason."""
        if (fault := fault_of_registration(registration, roles=self._roles)) is not None:
            raise Refusal("client-unusable", details={"reason": fault})
        client = new_uuid7()
        secret = secret_of(os.urandom(SECRET_BYTES)) if registration.kind is ClientKind.SYMMETRIC else None
        await self._add(client, registration, secret, by)
        return Registered(client=client, secret=None if secret is None else secret.text)

    async def find(self, client: str) -> Client | None:
        """A program, disabled or not; None if nobody registered it, or could have by that name.

        In production a program of a role of development is as good as disabled, whenever it was registered.
        """
        if FHIR_ID.match(client) is None:
            return None
        async with self._database.connection("app") as connection:
            row = await connection.one(_SQL.client, client=client)
        return None if row is None else self._known(row)

    async def list(self) -> Sequence[Client]:
        """All programs, the newest first; raises Refusal `too-many-found` if there are more than a page holds."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.clients, limit=CLIENTS_LISTED_MAX + 1)
        if len(rows) > CLIENTS_LISTED_MAX:
            raise Refusal("too-many-found")
        return [self._known(row) for row in rows]

    def _known(self, row: Row) -> Client:
        client = _client(row)
        return client if client.role is None or client.role in self._roles else replace(client, is_disabled=True)

    async def disable(self, by: Caller, client: str) -> None:
        """Let a program in no more; raises Refusal `not-found` if there is none that is let in."""
        async with self._database.transaction("app") as transaction:
            if not await transaction.run(_SQL.disable_client, client=client, by=by.id, now=self._clock()):
                raise Refusal("not-found", next_step="start-again")
            await self._trail.tell_within(transaction, by, "client-disable", client=client)

    async def replace_keys(self, by: Caller, client: str, keys: Mapping[str, Any]) -> None:
        """Give a program other keys; the old ones sign nothing any more.

        Raises Refusal `client-unusable`, or `not-found` for a program whose keys do not lie here.
        """
        text = orjson.dumps(dict(keys))
        if (fault := fault_of_keys(text)) is not None:
            raise Refusal("client-unusable", details={"reason": fault})
        async with self._database.transaction("app") as transaction:
            if not await transaction.run(_SQL.replace_keys, client=client, keys=text.decode()):
                raise Refusal("not-found", next_step="start-again")
            await self._trail.tell_within(transaction, by, "client-keys", client=client)

    async def _add(self, client: str, registration: Registration, secret: Secret | None, by: Caller) -> None:
        async with self._database.transaction("app") as transaction:
            await transaction.run(
                _SQL.add_client,
                client=client,
                kind=registration.kind.value,
                name=registration.name.strip(),
                secret=None if secret is None else secret.digest,
                keys=None if registration.keys is None else orjson.dumps(dict(registration.keys)).decode(),
                keys_at=registration.keys_at,
                redirects=text_array(registration.redirects),
                launch_at=registration.launch_at,
                scopes=text_array(registration.scopes),
                organisation=registration.organisation,
                role=registration.role,
                now=self._clock(),
                by=by.id,
            )
            facts = {"client": client, "kind": registration.kind.value}
            await self._trail.tell_within(transaction, by, "client-register", **facts)


def _client(row: Row) -> Client:
    return Client(
        id=row[0],
        kind=ClientKind(row[1]),
        name=row[2],
        redirects=tuple(row[3]),
        scopes=tuple(row[4]),
        keys=row[5],
        keys_at=row[6],
        launch_at=row[7],
        organisation=row[8],
        role=row[9],
        secret_digest=row[10],
        is_disabled=row[11],
    )
