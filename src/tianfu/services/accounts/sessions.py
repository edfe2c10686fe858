"""Sessions: a secret in a cookie, bound to its browser's own secret, and a row that says whose it is and until when.

The secret has 256 bits, and is a new one with every sign-in and every change of what it opens, as OWASP advises:
https://cheatsheetseries.owasp.org/cheatsheets/Session_Management_Cheat_Sheet.html .  Rule: docs/rules/sign-in.md
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from secrets import token_urlsafe

from tianfu.db import Database, Transaction, queries, text_array
from tianfu.db.prepared import Row
from tianfu.kernel.ids import new_uuid7
from tianfu.kernel.instants import DAY, SECOND, Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.seals import Seals
from tianfu.records.underway import Underway
from tianfu.services.accounts.keys import secret_digest
from tianfu.services.accounts.model.lapsing import lapses
from tianfu.services.accounts.model.lifetimes import is_fresh, lifetime_of
from tianfu.services.accounts.model.people import Account, Method, SignedIn, Workplace
from tianfu.services.accounts.model.proving import Proof, worth
from tianfu.services.accounts.store import account_of, shown, workplace_of

SECRET_BYTES = 32
AGENT_CHARACTERS_MAX = 200

BELIEVED_SECONDS = 1.0
"""How long a worker believes what it knows of a session before it looks again."""

SEEN_SECONDS = 30
"""A session that is in use says so at most so often."""

SIGNED_OUT = "signed-out"
"""Why programs lost what they were allowed, as their row says it."""

KNOWN_MAX = 20_000
KEPT_AFTER_END = 90 * DAY

_SESSIONS = queries("tianfu.services.accounts.sql", "sessions.sql")
_FAMILIES = queries("tianfu.services.accounts.oauth.sql", "families.sql")
_STEPS = queries("tianfu.services.accounts.sql", "steps.sql")
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}\Z", re.ASCII)


def new_secret() -> str:
    """A secret of 256 bits, as it stands in a cookie."""
    return token_urlsafe(SECRET_BYTES)


def is_secret(text: str) -> bool:
    """Whether a cookie can hold one of our secrets at all."""
    return _SECRET.match(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A session that has begun; `secret` goes into the browser's cookie and nowhere else."""

    secret: str
    signed_in: SignedIn


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A session as its owner sees it in the list of his sessions."""

    session: str
    workplace: str | None
    agent: str
    methods: frozenset[Method]
    since: Instant
    seen_at: Instant
    until: Instant


@dataclass(slots=True)
class _Known:
    signed_in: SignedIn
    until: Instant
    look_again_at: Instant


class Sessions:
    """The sessions of all people, as one worker sees them."""

    def __init__(self, database: Database, seals: Seals, *, clock: Clock) -> None:
        self._database = database
        self._seals = seals
        self._clock = clock
        self._known: dict[tuple[bytes, bytes], _Known] = {}
        self._underway: Underway[tuple[bytes, bytes], SignedIn] = Underway()

    async def begin(
        self,
        transaction: Transaction,
        account: Account,
        workplace: Workplace | None,
        methods: Iterable[Method],
        *,
        device: str,
        agent: str,
        needs_second_factor: bool,
        needs_own_password: bool,
        proved_at: Instant | None,
    ) -> Begun:
        """Begin a session within a transaction: always a new secret and a new name, whatever the browser brought.

        `proved_at` is that of the session it takes the place of: another place of work is no new proof.
        """
        now = self._clock()
        lifetime = lifetime_of(
            account.kind, workplace.role if workplace else None, needs_second_factor=needs_second_factor
        )
        secret = new_secret()
        signed_in = SignedIn(
            session=new_uuid7(),
            account=account,
            workplace=workplace,
            methods=frozenset(methods),
            proved_at=now if proved_at is None else proved_at,
            until=Instant(now + lifetime.absolute_seconds * SECOND),
            needs_second_factor=needs_second_factor,
            needs_own_password=needs_own_password,
        )
        await transaction.run(
            _SESSIONS.begin_session,
            digest=secret_digest(secret),
            session=signed_in.session,
            account=account.id,
            workplace=workplace.id if workplace else None,
            device=secret_digest(device),
            agent=shown(agent, AGENT_CHARACTERS_MAX),
            methods=_array(signed_in.methods),
            proved_at=signed_in.proved_at,
            now=now,
            until=signed_in.until,
        )
        return Begun(secret=secret, signed_in=signed_in)

    async def look_up(self, secret: str, device: str) -> SignedIn:
        """Whose session this is; believed for a second at most.

        Raises Refusal `session-over` for whatever is no session of this browser now: one answer for all reasons.
        """
        if not is_secret(secret) or not is_secret(device):
            raise over()
        key = secret_digest(secret), secret_digest(device)
        known, now = self._known.get(key), self._clock()
        if known is not None and now < known.look_again_at and now < known.until:
            return known.signed_in
        return await self._underway.ask(key, lambda: self._looked_up(key))

    async def _looked_up(self, key: tuple[bytes, bytes]) -> SignedIn:
        digest, device = key
        now = self._clock()
        self._known.pop(key, None)
        async with self._database.connection("app") as connection:
            row = await connection.one(_SESSIONS.session_of_digest, digest=digest, now=now)
            if row is None or not hmac.compare_digest(row[1], device):
                raise over()
            signed_in, idle_until = self._signed_in(row)
            if now >= idle_until:
                raise over()
            if now - row[4] >= SEEN_SECONDS * SECOND:
                await connection.run(_SESSIONS.saw_session, digest=digest, now=now)
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()  # all are looked at anew; a full table is no reason to believe longer
        until = min(signed_in.until, idle_until)
        self._known[key] = _Known(signed_in, Instant(until), Instant(now + int(BELIEVED_SECONDS * SECOND)))
        return signed_in

    def _signed_in(self, row: Row) -> tuple[SignedIn, int]:
        """The session of a row, and when it ends if it lies idle; raises Refusal `session-over`."""
        session, _, methods, proved_at, seen_at, until, is_at_work = row[:7]
        account = lapses().judged(account_of(self._seals, row[7:20]), self._clock())
        workplace = workplace_of(row[20:28]) if row[20] is not None else None
        if is_at_work and workplace is None:
            raise over()
        shown_methods = frozenset(map(Method, methods))
        role = workplace.role if workplace else None
        proof = worth(account.kind, role, shown_methods, has_second_factor=row[28])
        # Whoever came in without a second factor and has one now signs in with it.
        if proof not in {Proof.ENOUGH, Proof.SET_UP}:
            raise over()
        needs = proof is Proof.SET_UP
        lifetime = lifetime_of(account.kind, role, needs_second_factor=needs)
        signed_in = SignedIn(
            session=session,
            account=account,
            workplace=workplace,
            methods=shown_methods,
            proved_at=Instant(proved_at),
            until=Instant(until),
            needs_second_factor=needs,
            needs_own_password=row[29] and Method.PASSWORD in shown_methods,
        )
        return signed_in, seen_at + lifetime.idle_seconds * SECOND

    async def sessions_of(self, account: str) -> list[Listed]:
        """The sessions of an account that stand, the last used first."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SESSIONS.sessions_of, account=account, now=self._clock())
        return [
            Listed(
                session=row[0],
                workplace=row[1],
                agent=row[2],
                methods=frozenset(map(Method, row[3])),
                since=Instant(row[4]),
                seen_at=Instant(row[5]),
                until=Instant(row[6]),
            )
            for row in rows
        ]

    async def prove(self, transaction: Transaction, signed_in: SignedIn, method: Method) -> SignedIn:
        """The same session with a fresh proof; raises Refusal `session-over` if it ended meanwhile."""
        now = self._clock()
        proved = replace(signed_in, methods=signed_in.methods | {method}, proved_at=now)
        row = await transaction.one(
            _SESSIONS.prove_session, session=signed_in.session, methods=_array(proved.methods), now=now
        )
        if row is None:
            raise over()
        self.forget_known(signed_in.account.id)
        return proved

    async def end(self, transaction: Transaction, account: str, session: str, *, by: str) -> bool:
        """End one session of an account, in all workers; whether it stood."""
        row = await transaction.one(_SESSIONS.end_session, account=account, session=session, now=self._clock(), by=by)
        self.forget_known(account)
        return row is not None

    async def end_others(self, transaction: Transaction, account: str, *, but: str, by: str) -> int:
        """End all sessions of an account but one, or all if `but` is empty; how many there were.

        What was allowed to programs in those sessions ends with them, also what was to go on without its person; and
        so does a sign-in that waits for its next step, else it would become a session after all others have ended.
        """
        now = self._clock()
        await transaction.run(_STEPS.end_steps, account=account)
        rows = await transaction.all(_SESSIONS.end_sessions_but, account=account, but=but, now=now, by=by)
        await transaction.run(_FAMILIES.end_families_of_account, account=account, but=but, why=SIGNED_OUT, now=now)
        self.forget_known(account)
        return len(rows)

    def forget_known(self, account: str) -> None:
        """Look again at all sessions of an account at once, in this worker."""
        for key in [key for key, known in self._known.items() if known.signed_in.account.id == account]:
            del self._known[key]

    async def forget(self, *, now: Instant) -> None:
        """Forget sessions that were over three months ago."""
        async with self._database.connection("app") as connection:
            await connection.run(_SESSIONS.forget_sessions, before=now - KEPT_AFTER_END)


def refuse_unless_fresh(signed_in: SignedIn, now: Instant) -> None:
    """Whether the last proof is young enough for a signature or a change; raises Refusal `proof-too-old`."""
    if not is_fresh(signed_in.proved_at, now):
        raise Refusal("proof-too-old", next_step="prove-again")


def over() -> Refusal:
    """There is no such session in this browser, or not any more; the reason is nobody's business."""
    return Refusal("session-over", next_step="sign-in")


def _array(methods: Iterable[Method]) -> object:
    return text_array(sorted(each.value for each in methods))
