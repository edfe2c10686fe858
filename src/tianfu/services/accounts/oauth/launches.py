"""Starting a program from a page of ours for one patient: SMART's EHR launch."""

from __future__ import annotations

import os
from urllib.parse import urlencode

from tianfu.db import Database, Transaction, queries
from tianfu.kernel.instants import SECOND, Clock
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.accounts.oauth.model.clients import Client
from tianfu.services.accounts.oauth.model.secrets import SECRET_BYTES, digest_of, secret_of

LAUNCH_SECONDS = 5 * 60

_SQL = queries("tianfu.services.accounts.oauth.sql", "clients.sql")


class Launches:
    """Handles that are good once, for one program, one session and one patient."""

    def __init__(self, database: Database, *, base: str, clock: Clock) -> None:
        self._database = database
        self._base = base
        self._clock = clock

    async def start(self, signed_in: SignedIn, client: Client, patient: str) -> str:
        """The address to which the browser goes; the page has asked before whether this person may see the patient.

        Raises Refusal `not-found` for a program that cannot be started from a page.
        """
        if client.launch_at is None or client.is_disabled:
            raise Refusal("not-found", next_step="start-again")
        secret = secret_of(os.urandom(SECRET_BYTES))
        async with self._database.transaction("app") as transaction:
            await transaction.run(
                _SQL.add_launch,
                digest=secret.digest,
                client=client.id,
                session=signed_in.session,
                patient=patient,
                until=self._clock() + LAUNCH_SECONDS * SECOND,
            )
        question = urlencode({"iss": self._base, "launch": secret.text})
        return f"{client.launch_at}{'&' if '?' in client.launch_at else '?'}{question}"

    async def patient(self, handle: str, client: str, session: str) -> str | None:
        """The patient of a handle; None if it is over, used, or of another program or session."""
        async with self._database.connection("app") as connection:
            row = await connection.one(
                _SQL.launch, digest=digest_of(handle), client=client, session=session, now=self._clock()
            )
        return None if row is None else str(row[0])

    async def use(self, transaction: Transaction, handle: str, client: str, session: str) -> str | None:
        """The same, and the handle is used up."""
        row = await transaction.one(
            _SQL.use_launch, digest=digest_of(handle), client=client, session=session, now=self._clock()
        )
        return None if row is None else str(row[0])

    async def forget(self) -> None:
        """Forget handles that are over."""
        async with self._database.connection("app") as connection:
            await connection.run(_SQL.forget_launches, now=self._clock())
