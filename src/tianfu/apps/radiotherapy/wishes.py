"""What people ask to be computed, and its result; nothing here computes, so that pages need not load what does.

A work's key holds the digests of all that is read and the state of the code: equal questions are answered once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import msgspec

from tianfu.access.caller import Caller
from tianfu.apps.radiotherapy.code_version import code_version
from tianfu.apps.radiotherapy.model.gamma_criteria import Difference, GammaCriteria, Normalisation, Search
from tianfu.apps.radiotherapy.model.protocols import Protocol
from tianfu.apps.radiotherapy.plan_results import PlanResult
from tianfu.apps.radiotherapy.results import EvaluationResult, GammaResult
from tianfu.kernel.refusal import Refusal
from tianfu.services.documents.keeping import Documents
from tianfu.services.imaging.cases import KeptCase, KeptObject
from tianfu.services.imaging.deliveries import Delivery
from tianfu.services.jobs.works import Wish, Work

EVALUATE: Final = "radiotherapy-evaluate"
GAMMA: Final = "radiotherapy-gamma"
PLAN: Final = "radiotherapy-plan"
TAKE_IN: Final = "radiotherapy-take-in"


def documents_of(objects: Sequence[KeptObject]) -> tuple[str, ...]:
    """The names of all bytes of a case, in a fixed order."""
    return tuple(sorted(each.document for each in objects))


def evaluation_wish(case: KeptCase, objects: Sequence[KeptObject], *, dose: str, protocol: Protocol | None) -> Wish:
    """Judge a dose of a case, named by its SOP Instance UID, by a protocol if one is given."""
    text = "" if protocol is None else msgspec.json.encode(protocol).decode()
    return _wish(EVALUATE, case, objects, {"dose": dose, "protocol": text})


def gamma_wish(
    case: KeptCase,
    objects: Sequence[KeptObject],
    doses: tuple[str, str],
    criteria: GammaCriteria,
) -> Wish:
    """Compare two doses of a case, the reference and the one that is judged."""
    reference, evaluated = doses
    told = {name: str(value) for name, value in asdict(criteria).items()}
    return _wish(GAMMA, case, objects, {"reference": reference, "evaluated": evaluated, "criteria": told})


def take_in_wish(delivery: Delivery, documents: Sequence[str], *, by: Caller) -> Wish:
    """Read a delivery and make it a case."""
    return Wish(
        kind=TAKE_IN,
        queue="light",
        about=delivery.id,
        organisation=delivery.organisation,
        arguments={"delivery": delivery.id, "organisation": delivery.organisation, "caller": _told(by)},
        inputs=tuple(documents),
        version=code_version(),
    )


def _wish(kind: str, case: KeptCase, objects: Sequence[KeptObject], asked: dict[str, Any]) -> Wish:
    inputs = documents_of(objects)
    whole = {**asked, "case": case.id, "organisation": case.organisation, "inputs": list(inputs)}
    return Wish(
        kind=kind,
        queue="heavy",
        about=case.id,
        organisation=case.organisation,
        arguments=whole,
        inputs=inputs,
        version=code_version(),
    )


def _told(caller: Caller) -> dict[str, Any]:
    return {
        "id": caller.id,
        "role": caller.role,
        "organisation": caller.organisation,
        "practitioner": caller.practitioner,
        "session": caller.session,
    }


def criteria_from(told: Mapping[str, str]) -> GammaCriteria:
    """Criteria as a wish or a form says them; raises Refusal `gamma-criterion-missing` or what GammaCriteria raises."""

    def number(name: str) -> float:
        try:
            return float(told[name])
        except (KeyError, ValueError):
            raise Refusal("gamma-criterion-missing", details={"criterion": name}) from None

    def one_of(kind: Any, name: str) -> Any:
        try:
            return kind(told[name])
        except (KeyError, ValueError):
            raise Refusal("gamma-criterion-missing", details={"criterion": name}) from None

    is_maximum = told.get("normalisation_gy") == Normalisation.REFERENCE_MAXIMUM
    return GammaCriteria(
        dose_difference_percent=number("dose_difference_percent"),
        distance_mm=number("distance_mm"),
        difference=one_of(Difference, "difference"),
        normalisation_gy=Normalisation.REFERENCE_MAXIMUM if is_maximum else number("normalisation_gy"),
        threshold_percent=number("threshold_percent"),
        gamma_max=number("gamma_max"),
        search=one_of(Search, "search"),
    )


async def evaluation_of(documents: Documents, work: Work) -> EvaluationResult:
    """The result of a work that is done."""
    content = await documents.content(str(work.result))
    return await asyncio.to_thread(msgspec.json.decode, content, type=EvaluationResult)


async def gamma_of(documents: Documents, work: Work) -> GammaResult:
    """The result of a comparison that is done."""
    content = await documents.content(str(work.result))  # a map of a large dose has a hundred megabytes
    return await asyncio.to_thread(msgspec.json.decode, content, type=GammaResult)


async def plan_of(documents: Documents, work: Work) -> PlanResult:
    """The result of a plan that is done."""
    content = await documents.content(str(work.result))
    return await asyncio.to_thread(msgspec.json.decode, content, type=PlanResult)


def asked_again(work: Work) -> Wish:
    """The wish of a plan that has ended, once more: whoever does it goes on after the last stage that was finished."""
    return Wish(
        kind=work.kind,
        queue="heavy",
        about=work.about,
        organisation=str(work.arguments["organisation"]),
        arguments=work.arguments,
        inputs=(*work.arguments["inputs"], work.arguments["machine"], work.arguments["density_table"]),
        version=code_version(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTold:
    """What lists and the page of a plan in the making say of what was wished."""

    name: str
    machine: str
    version: int
    has_second: bool


class _Machine(msgspec.Struct, frozen=True):
    name: str
    version: int


class _Computation(msgspec.Struct, frozen=True):
    second: str | None


class _PlanWish(msgspec.Struct, frozen=True):
    """The few parts of a wish that are told, so that nothing need be loaded that computes."""

    name: str
    machine: _Machine
    computation: _Computation


def wish_told(work: Work) -> PlanTold:
    """What a work for a plan was asked to make."""
    wish = msgspec.json.decode(work.arguments["wish"], type=_PlanWish)
    return PlanTold(
        name=wish.name,
        machine=wish.machine.name,
        version=wish.machine.version,
        has_second=wish.computation.second is not None,
    )
