"""What is computed later: judging a dose, comparing two, making a plan, taking a delivery in.

Each is followed and resumed; a result is a sealed document that the work names.
"""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.access.caller import Caller
from tianfu.apps.radiotherapy.wishes import EVALUATE, GAMMA, PLAN, TAKE_IN
from tianfu.kernel.instants import Clock
from tianfu.services.documents.keeping import Documents
from tianfu.services.imaging.cases import Cases
from tianfu.services.imaging.deliveries import Deliveries
from tianfu.services.jobs.doing import Doing, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What the works of radiotherapy need."""

    cases: Cases
    deliveries: Deliveries
    documents: Documents
    clock: Clock

    def heavy(self) -> tuple[Kind, ...]:
        """Kinds of work that compute."""
        return (
            Kind(name=EVALUATE, do=self._evaluate),
            Kind(name=GAMMA, do=self._compare),
            Kind(name=PLAN, do=self._plan),
        )

    def light(self) -> tuple[Kind, ...]:
        """Kinds of work for which somebody waits at a page."""
        return (Kind(name=TAKE_IN, do=self._take_in),)

    async def _evaluate(self, doing: Doing) -> str:
        from tianfu.apps.radiotherapy import computing  # loaded by the first work: it brings compiled kernels along

        return await computing.evaluated(self, doing)

    async def _compare(self, doing: Doing) -> str:
        from tianfu.apps.radiotherapy import computing  # loaded by the first work

        return await computing.compared(self, doing)

    async def _plan(self, doing: Doing) -> str:
        from tianfu.apps.radiotherapy import plan_computing  # loaded by the first plan

        return await plan_computing.plan_made(self, doing)

    async def _take_in(self, doing: Doing) -> str:
        asked = doing.arguments
        delivery = await self.deliveries.one(asked["delivery"], asked["organisation"])
        if delivery.taken_into is not None:
            return delivery.taken_into  # by a worker that died before it could say so
        taken = await self.deliveries.take_in(delivery, by=Caller(**asked["caller"]), on_progress=doing.tell)
        return taken.case
