"""Judging a dose and comparing two, as works do it: a kept case in, a kept result out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from tianfu.apps.radiotherapy.code_version import code_version
from tianfu.apps.radiotherapy.made_results import dvh_from, dvh_text, gamma_result_of, result_of
from tianfu.apps.radiotherapy.model.dvh import Dvh
from tianfu.apps.radiotherapy.model.gamma import gamma_index
from tianfu.apps.radiotherapy.model.protocols import protocol_from
from tianfu.apps.radiotherapy.queries.evaluation import dose_of, evaluate
from tianfu.apps.radiotherapy.results import FORM, NOT_CLEARED, EvaluationResult, GammaResult, Provenance
from tianfu.apps.radiotherapy.wishes import criteria_from, documents_of
from tianfu.kernel.refusal import Refusal
from tianfu.services.imaging.cases import KeptCase
from tianfu.services.jobs.doing import Doing

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.jobs import Bench


async def evaluated(bench: Bench, doing: Doing) -> str:
    """The name of the kept judgement that a work asked for; raises Refusal `case-changed` and as `evaluate` does."""
    asked = doing.arguments
    case, inputs = await inputs_of(bench, asked)
    reading = await bench.cases.read(case)
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
    return await _keep(bench, result_of(evaluation, _provenance(bench, doing, inputs), protocol=name))


async def compared(bench: Bench, doing: Doing) -> str:
    """The name of the kept comparison that a work asked for; raises Refusal as `evaluated` and `gamma_index` do."""
    asked = doing.arguments
    case, inputs = await inputs_of(bench, asked)
    reading = await bench.cases.read(case)
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
    provenance = _provenance(bench, doing, inputs)
    return await _keep(
        bench, gamma_result_of(found, provenance, reference=reference.instance, evaluated=evaluated.instance)
    )


async def inputs_of(bench: Bench, asked: Any) -> tuple[KeptCase, tuple[str, ...]]:
    """The case that a work is about, and the names of its bytes; raises Refusal `case-changed` if they are others."""
    case = await bench.cases.one(asked["case"], asked["organisation"])
    inputs = documents_of(await bench.cases.objects(case))
    if list(inputs) != asked["inputs"]:
        raise Refusal("case-changed", next_step="ask-again", retryable=True)
    return case, inputs


def _provenance(bench: Bench, doing: Doing, inputs: tuple[str, ...]) -> Provenance:
    return Provenance(
        form=FORM,
        notice=NOT_CLEARED,
        code_version=code_version(),
        made_at=bench.clock(),
        asked_by=doing.asked_by,
        inputs=inputs,
    )


async def _keep(bench: Bench, result: EvaluationResult | GammaResult) -> str:
    return await bench.documents.keep(await asyncio.to_thread(msgspec.json.encode, result))


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
