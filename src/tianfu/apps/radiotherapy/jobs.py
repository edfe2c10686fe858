"""What is computed later: judging a dose, comparing two doses, taking a delivery in; each followed and resumed.

A result is a sealed document that the work names.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import msgspec

from tianfu.access.caller import Caller
from tianfu.apps.radiotherapy.code_version import code_version
from tianfu.apps.radiotherapy.made_results import dvh_from, dvh_text, gamma_result_of, result_of
from tianfu.apps.radiotherapy.model.dvh import Dvh
from tianfu.apps.radiotherapy.model.gamma import gamma_index
from tianfu.apps.radiotherapy.model.protocols import protocol_from
from tianfu.apps.radiotherapy.queries.evaluation import dose_of, evaluate
from tianfu.apps.radiotherapy.results import FORM, NOT_CLEARED, EvaluationResult, GammaResult, Provenance
from tianfu.apps.radiotherapy.wishes import EVALUATE, GAMMA, TAKE_IN, criteria_from, documents_of
from tianfu.kernel.instants import Clock
from tianfu.kernel.refusal import Refusal
from tianfu.services.documents.keeping import Documents
from tianfu.services.imaging.cases import Cases, KeptCase
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
        return (Kind(name=EVALUATE, do=self._evaluate), Kind(name=GAMMA, do=self._compare))

    def light(self) -> tuple[Kind, ...]:
        """Kinds of work for which somebody waits at a page."""
        return (Kind(name=TAKE_IN, do=self._take_in),)

    async def _evaluate(self, doing: Doing) -> str:
        asked = doing.arguments
        case, inputs = await self._inputs(asked)
        reading = await self.cases.read(case)
        protocol = protocol_from(asked["protocol"].encode()) if asked["protocol"] else None
        evaluation = await asyncio.to_thread(
            evaluate,
            reading.value,
            dose=asked["dose"],
            protocol=protocol,
            on_progress=lambda _, done, total: doing.progress("judging", done, total),
            shelf=_Parts(doing),
        )
        name = "" if protocol is None else protocol.name
        return await self._keep(result_of(evaluation, self._provenance(doing, inputs), protocol=name))

    async def _compare(self, doing: Doing) -> str:
        asked = doing.arguments
        case, inputs = await self._inputs(asked)
        reading = await self.cases.read(case)
        reference, evaluated = (dose_of(reading.value, asked[name]) for name in ("reference", "evaluated"))
        if reference.header.frame != evaluated.header.frame:
            raise Refusal("doses-in-different-frames")
        found = await asyncio.to_thread(
            gamma_index,
            reference.volume,
            evaluated.volume,
            criteria=criteria_from(asked["criteria"]),
            on_progress=lambda done, total: doing.progress("comparing", done, total),
        )
        provenance = self._provenance(doing, inputs)
        return await self._keep(
            gamma_result_of(found, provenance, reference=reference.instance, evaluated=evaluated.instance)
        )

    async def _take_in(self, doing: Doing) -> str:
        asked = doing.arguments
        delivery = await self.deliveries.one(asked["delivery"], asked["organisation"])
        if delivery.taken_into is not None:
            return delivery.taken_into  # by a worker that died before it could say so
        taken = await self.deliveries.take_in(delivery, by=Caller(**asked["caller"]), on_progress=doing.tell)
        return taken.case

    async def _inputs(self, asked: Any) -> tuple[KeptCase, tuple[str, ...]]:
        case = await self.cases.one(asked["case"], asked["organisation"])
        inputs = documents_of(await self.cases.objects(case))
        if list(inputs) != asked["inputs"]:
            raise Refusal("case-changed", next_step="ask-again", retryable=True)
        return case, inputs

    def _provenance(self, doing: Doing, inputs: tuple[str, ...]) -> Provenance:
        return Provenance(
            form=FORM,
            notice=NOT_CLEARED,
            code_version=code_version(),
            made_at=self.clock(),
            asked_by=doing.asked_by,
            inputs=inputs,
        )

    async def _keep(self, result: EvaluationResult | GammaResult) -> str:
        return await self.documents.keep(await asyncio.to_thread(msgspec.json.encode, result))


@dataclass(frozen=True, slots=True)
class _Parts:
    """Histograms that are done, so that a worker that takes up begins where the dead one ended.

    A worker of another state of the code, such as the one after an update, computes them anew: a result is of one.
    """

    doing: Doing

    def get(self, number: int) -> Dvh | None:
        kept = self.doing.finished.get(_part(number))
        return None if kept is None else dvh_from(kept)

    def put(self, number: int, dvh: Dvh) -> None:
        self.doing.finish(_part(number), dvh_text(dvh))


def _part(number: int) -> str:
    return f"structure-{number}-{code_version()}"
