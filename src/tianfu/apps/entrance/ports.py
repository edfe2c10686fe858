"""What this app asks of others: names of organisations, and the logins of a demonstration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.kernel.instants import Instant
from tianfu.records.outcomes import Answer, Record
from tianfu.records.searching import SearchRequest
from tianfu.services.accounts.demonstration import DemoLogin


class FoundPage(Protocol):
    """What of a search's answer this app looks at."""

    @property
    def records(self) -> tuple[Record, ...]: ...


class Directory(Protocol):
    """The calls of `tianfu.records.Store` that name places of work, and find whose records somebody's own are."""

    async def search(self, caller: Caller, purpose: Purpose, wanted: SearchRequest) -> FoundPage:
        """A page of the records that match."""
        ...

    async def read_many(
        self, caller: Caller, purpose: Purpose, references: Sequence[tuple[str, str]]
    ) -> Sequence[Answer]:
        """Several records at once, answered in the order asked."""
        ...


class Demonstration(Protocol):
    """The logins of a demonstration; in production there is none."""

    def logins(self, now: Instant) -> Sequence[DemoLogin]:
        """One for each role."""
        ...


class NoDemonstration:
    """Nobody is made up here."""

    def logins(self, now: Instant) -> Sequence[DemoLogin]:
        """None."""
        return ()


Names = Mapping[str, str]
"""Organizations' ids to their names."""
