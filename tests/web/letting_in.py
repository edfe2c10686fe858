"""Doorkeepers for tests of what lies behind the doors: they let in whoever shows a word that a test gave out.

Who is let in on a real installation, by session or token, is tested where those are made.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field, replace
from typing import Literal

from tests.desk import DESK
from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.access.rules import rules
from tianfu.kernel.refusal import Refusal
from tianfu.services.limits.limiter import Given, Limiter
from tianfu.services.limits.limits import Limit, LimitClass, load_limits
from tianfu.web.bearers import bearer_text, chosen_purpose
from tianfu.web.callers import Admitted, Carried, purpose_named
from tianfu.web.site import Doorkeeping

Door = Literal["pages", "machines"]


class MemoryBuckets:
    """Buckets that never fill again."""

    def __init__(self) -> None:
        self.left: dict[tuple[str, LimitClass], float] = {}
        self.asked = 0

    async def take(self, caller: str, limit_class: LimitClass, limit: Limit, *, need: int, want: int) -> Given:
        self.asked += 1
        held = self.left.get((caller, limit_class), limit.burst)
        given = min(want, int(held)) if held >= need else 0
        self.left[caller, limit_class] = held - given
        return Given(given, held - given)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    caller: Caller
    purposes: tuple[Purpose, ...]
    door: Door


_KNOWN: dict[str, _Known] = {}


def word_for(caller: Caller, *purposes: Purpose, door: Door = "pages") -> str:
    """A word that lets a caller in at a door for these purposes, the first one on pages."""
    word = secrets.token_urlsafe(32)
    shown = replace(caller, session=caller.session or f"s-{word[:8]}")
    _KNOWN[word] = _Known(caller=shown, purposes=purposes or (Purpose.TREATMENT,), door=door)
    return word


class NothingToTell:
    """A trace for tests in development, where nobody's role is refused."""

    async def refused(self, caller: Caller, deed: str, refusal: Refusal) -> None:
        raise AssertionError(deed)


@dataclass
class Told:
    """A trace that remembers what it is told."""

    deeds: list[tuple[str, str, str]] = field(default_factory=list)

    async def refused(self, caller: Caller, deed: str, refusal: Refusal) -> None:
        self.deeds.append((caller.id, deed, refusal.code))


class KnownCallers:
    """Lets in by words of `word_for`; whoever shows none is the `desk`, if there is one."""

    def __init__(self, limiter: Limiter, *, desk: Caller | None) -> None:
        self._limiter = limiter
        self._desk = desk
        self.ended: set[str] = set()

    async def machine(self, authorization: bytes, purpose: bytes, *, client: str) -> Admitted:
        if not authorization:
            if self._desk is None:
                raise Refusal("token-missing", next_step="get-a-token")
            return _admitted(self._desk, purpose_named(purpose) or Purpose.TREATMENT, tuple(Purpose))
        known = await self._known(bearer_text(authorization).decode("latin-1"), "machines", "token-refused", client)
        return _admitted(
            known.caller, chosen_purpose(known.purposes, purpose_named(purpose), is_for_itself=True), known.purposes
        )

    async def visitor(self, carried: Carried) -> Admitted:
        if not carried.session:
            if self._desk is None:
                raise Refusal("sign-in-needed", next_step="sign-in")
            return _admitted(self._desk, Purpose.TREATMENT, tuple(purpose for _, purpose in rules()))
        known = await self._known(carried.session, "pages", "session-over", carried.client)
        return _admitted(known.caller, known.purposes[0], known.purposes)

    async def leave(self, carried: Carried) -> None:
        self.ended.add(carried.session)

    async def _known(self, word: str, door: Door, code: str, client: str) -> _Known:
        known = _KNOWN.get(word)
        if known is None or known.door != door or word in self.ended:
            await self._limiter.take(f"address:{client}", "", "bad-credential")
            raise Refusal(code, next_step="sign-in")
        return known


class NoPrograms:
    """Lets no program in."""

    async def machine(self, authorization: bytes, purpose: bytes, *, client: str) -> Admitted:
        raise Refusal("token-missing", next_step="sign-in-again")


def _admitted(caller: Caller, purpose: Purpose, purposes: tuple[Purpose, ...]) -> Admitted:
    return Admitted(caller=caller, purpose=purpose, bucket=caller.id, purposes=purposes)


def doorkeeping(*, desk: Caller | None = DESK, buckets: MemoryBuckets | None = None) -> Doorkeeping:
    """Lets in by words of `word_for`; without one, whoever `desk` is."""
    limiter = Limiter(buckets or MemoryBuckets(), load_limits(None), monotonic=time.monotonic)
    return Doorkeeping(callers=KnownCallers(limiter, desk=desk), limiter=limiter)
