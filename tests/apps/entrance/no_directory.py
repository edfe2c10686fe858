"""A directory in which no place of work has a name: what these tests look at needs none."""

from __future__ import annotations

from collections.abc import Sequence

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.records.outcomes import Answer, NotFound


class NoDirectory:
    async def read_many(
        self, caller: Caller, purpose: Purpose, references: Sequence[tuple[str, str]]
    ) -> Sequence[Answer]:
        return [NotFound() for _ in references]
