"""When the proof of a telephone or of a real name says nothing any more.  Rule: docs/rules/growing-old.md

The times are data, `lapses.json`, with its version and reasons.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib.resources import files

import msgspec

from tianfu.kernel.instants import DAY, SECOND, Instant
from tianfu.services.accounts.model.people import Account, Assurance

VERSION = 1

TELEPHONE_DAYS_MAX = 90
"""A number that was given back may be another person's after that: nobody sets a longer time."""


class Lapses(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """After how long each proof is over, and why."""

    version: int
    mark: str
    about: str
    telephone_days: int
    name_days: int
    seen_days: int
    paper_hours: int

    def telephone_stands(self, account: Account, now: Instant) -> bool:
        """Whether the number was this account's lately enough that it can be nobody else's yet; not from the future."""
        return 0 <= now - account.telephone_at < self.telephone_days * DAY

    def judged(self, account: Account, now: Instant) -> Account:
        """The account as it is known now: whether its real name stands."""
        days = self.seen_days if account.assurance is Assurance.SEEN else self.name_days
        stands = account.assurance >= Assurance.NAMED and 0 <= now - account.named_at < days * DAY
        return replace(account, name_stands=stands)

    @property
    def paper_instants(self) -> int:
        """How long a desk's paper is good, in units of an Instant."""
        return self.paper_hours * 3_600 * SECOND


@cache
def lapses() -> Lapses:
    """The times of this release."""
    return checked(files(__package__).joinpath("lapses.json").read_bytes())


def checked(text: bytes) -> Lapses:
    """Times as they are written; raises ValueError for what would be unsafe, msgspec.MsgspecError for what is none."""
    read = msgspec.json.decode(text, type=Lapses)
    if read.version != VERSION:
        raise ValueError("version")
    if not 1 <= read.telephone_days <= TELEPHONE_DAYS_MAX:
        raise ValueError("telephone_days")
    if min(read.name_days, read.seen_days, read.paper_hours) < 1:
        raise ValueError("days")
    return read
