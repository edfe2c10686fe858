"""One-time codes by telephone: six digits, five minutes, five tries, at most one a minute and ten a day per number.

NIST SP 800-63B, section 5.1.3; who sends them is a port.  Rule: docs/rules/sign-in.md
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from secrets import randbelow

from tianfu.db import Database, queries
from tianfu.kernel.instants import DAY, SECOND, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.keys import AccountKeys
from tianfu.services.accounts.senders import CodeSender

DIGITS = 6
LIFE_SECONDS = 300
TRIES_MAX = 5
APART_SECONDS = 60
DAY_MAX = 10

_CODES = queries("tianfu.services.accounts.sql", "codes.sql")
_CODE = re.compile(r"\d{6}\Z", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Whether a code went out now, or the last one is still on its way; and when another may be asked for."""

    is_new: bool
    again_in_seconds: int


class Codes:
    """One-time codes of all telephones; tries count in PostgreSQL, so all workers count together."""

    def __init__(self, database: Database, keys: AccountKeys, sender: CodeSender) -> None:
        self._database = database
        self._keys = keys
        self._sender = sender

    async def send(self, handle: bytes, number: str, *, now: Instant) -> Sent:
        """Send a new code, unless one went out a moment ago: then that one goes on standing.

        Raises Refusal `codes-used-up` after the day's codes, and `code-not-sent` if the sender would not take it.
        """
        code = f"{randbelow(10**DIGITS):0{DIGITS}}"
        digest = self._keys.code(handle, code)
        moment_ago = now - APART_SECONDS * SECOND
        async with self._database.connection("app") as connection:
            kept = await connection.one(
                _CODES.keep_code,
                handle=handle,
                digest=digest,
                now=now,
                until=now + LIFE_SECONDS * SECOND,
                moment_ago=moment_ago,
                day_ago=now - DAY,
                most=DAY_MAX,
            )
            if kept is None:
                last = await connection.one(_CODES.code_sent_at, handle=handle)
                return _sent_already(last[0] if last else moment_ago, now)
        try:
            await self._sender.send(number, code)
        except BaseException:
            async with self._database.connection("app") as connection:
                await connection.run(_CODES.drop_code, handle=handle, digest=digest, moment_ago=moment_ago)
            raise
        return Sent(is_new=True, again_in_seconds=APART_SECONDS)

    async def use(self, handle: bytes, code: str, *, now: Instant) -> bool:
        """Whether this is the code of the handle; it was one, and is none any more, if so."""
        plain = "".join(code[:32].split())
        async with self._database.connection("app") as connection:
            row = await connection.one(_CODES.try_code, handle=handle, now=now, most=TRIES_MAX)
            if row is None or not _CODE.match(plain):
                return False
            digest = self._keys.code(handle, plain)
            if not hmac.compare_digest(digest, row[0]):
                return False
            return await connection.one(_CODES.use_code, handle=handle, digest=digest, now=now) is not None

    async def forget(self, *, now: Instant) -> None:
        """Forget the codes of days that are over."""
        async with self._database.connection("app") as connection:
            await connection.run(_CODES.forget_codes, day_ago=now - DAY, now=now)


def _sent_already(sent_at: int, now: Instant) -> Sent:
    left_seconds = APART_SECONDS - (now - sent_at) // SECOND
    if left_seconds <= 0:
        raise Refusal("codes-used-up", next_step="try-again-tomorrow")
    return Sent(is_new=False, again_in_seconds=left_seconds)
