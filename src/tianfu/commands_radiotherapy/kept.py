"""Kept cases read and judged: each opening is told to the trail, each computation is a work that is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tianfu.commands_radiotherapy.choosing import Named, named_in
from tianfu.commands_radiotherapy.folders import read_contents
from tianfu.commands_radiotherapy.house import BY, House, with_house
from tianfu.commands_radiotherapy.machines import endorsed_file, house_signatories
from tianfu.commands_radiotherapy.speaking import bar, step_said, tell_findings
from tianfu.commands_radiotherapy.waiting import answered
from tianfu.kernel.refusal import Refusal

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.model.gamma_criteria import GammaCriteria
    from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish
    from tianfu.apps.radiotherapy.model.protocols import Protocol
    from tianfu.apps.radiotherapy.model.transport.density_tables import DensityTable
    from tianfu.apps.radiotherapy.plan_results import PlanResult
    from tianfu.apps.radiotherapy.results import EvaluationResult, GammaResult
    from tianfu.services.imaging.cases import KeptCase
    from tianfu.standards.dicom.cases import Case
    from tianfu.standards.dicom.findings import Reading


def read(case: str, organisation: str | None) -> Reading[Case]:
    """All objects of a kept case, decoded."""

    async def work(house: House) -> Reading[Case]:
        found = await opened(house, case, organisation)
        return await asyncio.to_thread(read_contents, await contents_of(house, found))

    return with_house(work)


def evaluations(
    case: str, organisation: str | None, doses: Sequence[str | None], protocol: Protocol | None, *, leave: bool
) -> list[EvaluationResult]:
    """Doses of a kept case, judged now or before; None is the only one."""
    from tianfu.apps.radiotherapy.wishes import evaluation_of, evaluation_wish

    async def work(house: House) -> list[EvaluationResult]:
        found = await opened(house, case, organisation)
        chosen = [_dose_of(found, dose) for dose in doses]
        objects = await house.cases.objects(found)
        results = []
        for dose in chosen:
            wish = evaluation_wish(found, objects, dose=dose, protocol=protocol)
            results.append(await evaluation_of(house.documents, await answered(house, wish, leave=leave)))
        return results

    return with_house(work)


def comparison(
    case: str, organisation: str | None, doses: Sequence[str], criteria: GammaCriteria, *, leave: bool
) -> GammaResult:
    """Two doses of a kept case, the reference first, compared now or before."""
    from tianfu.apps.radiotherapy.wishes import gamma_of, gamma_wish

    async def work(house: House) -> GammaResult:
        found = await opened(house, case, organisation)
        reference, evaluated = (_dose_of(found, dose) for dose in doses)
        wish = gamma_wish(found, await house.cases.objects(found), (reference, evaluated), criteria)
        return await gamma_of(house.documents, await answered(house, wish, leave=leave))

    return with_house(work)


@dataclass(frozen=True, kw_only=True)
class Ordered:
    """What a plan is to be made of, beside the case; `named` is what of the case is meant."""

    wish: PlanWish
    machine: Path
    table: DensityTable
    named: Named


def plan(case: str, organisation: str | None, ordered: Ordered, *, leave: bool) -> tuple[PlanResult, dict[str, bytes]]:
    """A plan of a kept case, made now or before, and its objects by what they are; Ctrl-C keeps its finished steps.

    Raises Refusal as `named_in` does.
    """
    from tianfu.apps.radiotherapy.model.transport.density_tables import write_density_table
    from tianfu.apps.radiotherapy.plan_asking import PlanChoice, plan_wish
    from tianfu.apps.radiotherapy.wishes import plan_of
    from tianfu.services.imaging.cases import ASK_PLAN, EXPORT

    choice = PlanChoice(
        wish=ordered.wish,
        machine=endorsed_file(ordered.machine, house_signatories()),
        density_table=write_density_table(ordered.table),
        structure_set=ordered.named.structure_set,
        images=ordered.named.series,
        protocol=ordered.named.protocol,
    )

    async def work(house: House) -> tuple[PlanResult, dict[str, bytes]]:
        found = await opened(house, case, organisation)
        reading = await asyncio.to_thread(read_contents, await contents_of(house, found))
        tell_findings(reading.findings)
        named_in(reading.value, ordered.named)
        asked = await plan_wish(house.documents, found, await house.cases.objects(found), reading.value, choice)
        # Told before it is asked, and before anything leaves: what is broken off half-way was asked all the same.
        digits = {name: str(asked.arguments[f"{name}_fingerprint"])[:12] for name in ("machine", "density_table")}
        await house.cases.tell(found, ASK_PLAN, by=BY, **digits)
        done = await answered(house, asked, leave=leave)
        result = await plan_of(house.documents, done)
        await house.cases.tell(found, EXPORT, by=BY, works=done.id)
        return result, {each.kind: await house.documents.content(each.document) for each in result.objects}

    return with_house(work)


def tell_export(case: str, organisation: str | None) -> None:
    """Have the trail say that something of a kept case goes into a folder; durable on return."""
    from tianfu.services.imaging.cases import EXPORT

    async def work(house: House) -> None:
        await house.cases.tell(await house.case(case, organisation), EXPORT, by=BY)

    with_house(work)


async def opened(house: House, case: str, organisation: str | None) -> KeptCase:
    """A kept case, after the trail has been told who opened it."""
    from tianfu.services.imaging.cases import OPEN

    found = await house.case(case, organisation)
    await house.cases.tell(found, OPEN, by=BY)
    return found


async def contents_of(house: House, case: KeptCase) -> list[bytes]:
    """The bytes of all objects of a case, as they were delivered, in the order of `Cases.objects`."""
    objects = await house.cases.objects(case)
    contents = []
    with bar() as tell:
        for number, each in enumerate(objects, start=1):
            contents.append(await house.cases.content(each))
            tell(step_said("reading"), number, len(objects))
    return contents


def _dose_of(case: KeptCase, instance: str | None) -> str:
    """The dose that is named, or the only one; raises Refusal `case-without-dose` or `dose-unclear`."""
    there = [each.instance for each in case.about.doses]
    if not there:
        raise Refusal("case-without-dose")
    found = [each for each in there if instance in {None, each}]
    if len(found) != 1:
        raise Refusal("dose-unclear", next_step="name-a-dose", details={"doses": " ".join(there)})
    return found[0]
