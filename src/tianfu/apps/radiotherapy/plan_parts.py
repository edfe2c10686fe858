"""What of a plan is finished while it is made, kept sealed, so that whoever takes up goes on after the last step.

The work names a document for each step; its name holds the state of the code, for a plan is of one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from tianfu.apps.radiotherapy.code_version import code_version
from tianfu.apps.radiotherapy.model.planning.kept import Kept, kept_from, write_kept
from tianfu.apps.radiotherapy.model.planning.steps import StepName
from tianfu.kernel.instants import Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.documents.keeping import Documents
from tianfu.services.jobs.doing import Doing

STEPS = (StepName.FLUENCE, StepName.SEGMENTS, StepName.REFINED, StepName.NORMALISED)
"""Those whose results are kept, in their order; each holds those before it."""

GONE = frozenset({"document-unknown", "document-lost", "document-damaged", "plan-kept-not-understood"})
"""What of a step cannot be read any more is computed again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanParts:
    """The finished steps of a plan that is being made; all but the coroutines are called from a thread."""

    doing: Doing
    documents: Documents
    loop: asyncio.AbstractEventLoop

    @property
    def finished(self) -> tuple[StepName, ...]:
        """The steps that are kept."""
        return tuple(step for step in STEPS if _part(step) in self.doing.finished)

    async def latest(self) -> Kept | None:
        """What the last finished step left; None if there is nothing that can be read."""
        for step in reversed(self.finished):
            try:
                content = await self.documents.content(self.doing.finished[_part(step)])
                return await asyncio.to_thread(kept_from, content)
            except Refusal as refusal:
                if refusal.code not in GONE:
                    raise
        return None

    def keep(self, step: StepName, kept: Kept) -> None:
        """Keep what a step left; durable on return."""
        content = write_kept(kept)
        self.doing.finish(_part(step), self._kept(content))
        self._kept(content)  # it may have been forgotten a moment before it was somebody's

    def begun_at(self, clock: Clock) -> Instant:
        """When the plan was begun: what is written twice says the same time."""
        return Instant(int(self._once("begun", lambda: str(clock()))))

    def _kept(self, content: bytes) -> str:
        return asyncio.run_coroutine_threadsafe(self.documents.keep(content), self.loop).result()

    def _once(self, name: str, made: Callable[[], str]) -> str:
        part = _part(name)
        if part not in self.doing.finished:
            self.doing.finish(part, made())
        return self.doing.finished[part]


def _part(name: str) -> str:
    return f"plan-{name}-{code_version()}"
