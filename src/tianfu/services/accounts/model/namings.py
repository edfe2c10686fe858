"""A naming as accounts know it: what joins its records, and how it stands between who asks and who is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tianfu.access.elements import choices
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal

Answer = Literal["accepted", "declined", "laid-down"]

DECLINED_MAX: int = choices()["proxy"]["declined_max"]
"""Who declined somebody so often is not asked by him any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """One naming: the RelatedPersons by which somebody would look, and whose Patient records they stand in.

    `until` is the first instant after its last day.
    """

    naming: str
    related: tuple[str, ...]
    patients: tuple[str, ...]
    until: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was answered to a naming; `is_seen` by whoever asked, its end included if it is over."""

    answer: Answer | None
    at: Instant | None
    until: Instant
    is_seen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """How many offers wait for somebody, and how many answers to his own he has not seen."""

    offers: int = 0
    answers: int = 0


def refuse_asked_too_often(times_declined: int) -> None:
    """Raise Refusal `proxy-declined-often`: a no that was said so often is heard."""
    if times_declined >= DECLINED_MAX:
        raise Refusal("proxy-declined-often")
