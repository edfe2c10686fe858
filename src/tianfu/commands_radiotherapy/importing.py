"""`tianfu rt import|list`: a folder becomes a kept case or nothing; what arrived survives every interruption."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column, Table

from tianfu.commands_radiotherapy.folders import files_in, read_bytes
from tianfu.commands_radiotherapy.house import BY, House, Organisation, with_house
from tianfu.commands_radiotherapy.speaking import (
    Tell,
    bar,
    hint,
    language,
    moment,
    say,
    spoken,
    step_said,
    tell_findings,
)
from tianfu.kernel.instants import to_fhir_instant
from tianfu.kernel.refusal import Refusal
from tianfu.terminal import out

if TYPE_CHECKING:
    from tianfu.services.imaging.about import CaseAbout
    from tianfu.services.imaging.cases import KeptCase
    from tianfu.services.imaging.deliveries import Delivery

AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]

_ID_WIDTH = 36
"""A UUID, which must not be cut: people copy it."""


@spoken
def import_case(
    folder: Annotated[Path | None, typer.Argument(help="a folder with the DICOM files of one case")] = None,
    organisation: Organisation = None,
    into: Annotated[str | None, typer.Option(help="id of a kept case to which they are added")] = None,
    delivery: Annotated[str | None, typer.Option(help="id of a delivery that was broken off or refused")] = None,
    discard: Annotated[str | None, typer.Option(help="id of a delivery to be dropped, with all that arrived")] = None,
    as_json: AsJson = False,
) -> None:
    """Keep the case in a folder, whole or not at all, and print its id; what arrived is not sent twice."""
    if sum(each is not None for each in (folder, discard)) != 1 or sum(map(bool, (into, delivery, discard))) > 1:
        raise Refusal("import-unclear")
    if discard is not None:
        with_house(lambda house: _discarded(house, discard, organisation))
        hint("done-discarded")
        return
    files = files_in(Path(str(folder)))

    async def work(house: House) -> KeptCase:
        begun = await _begun(house, organisation, into=into, delivery=delivery)
        return await _taken(house, begun, files)

    kept = with_house(work)
    tell_findings(kept.about.findings)
    print(json.dumps(_case_row(kept), ensure_ascii=False) if as_json else kept.id)


@spoken
def list_cases(
    organisation: Organisation = None,
    before: Annotated[str, typer.Option(help="id of a case: those that are older")] = "",
    as_json: AsJson = False,
) -> None:
    """Show the kept cases of an organisation, the newest first, and what is on its way."""
    from tianfu.services.imaging.cases import LISTED_MAX

    async def work(house: House) -> tuple[Sequence[KeptCase], Sequence[Delivery]]:
        whose = await house.organisation(organisation)
        return await house.cases.of(whose, before=before), await house.deliveries.of(whose)

    cases, deliveries = with_house(work)
    if as_json:
        told = {
            "notice": say("notice"),
            "cases": [_case_row(each) for each in cases],
            "deliveries": [_delivery_row(each) for each in deliveries],
        }
        print(json.dumps(told, ensure_ascii=False))
        return
    _show_cases(cases)
    for each in deliveries:
        hint("on-its-way-since", delivery=each.id, moment=moment(each.begun_at))
    if len(cases) == LISTED_MAX:
        hint("older-cases", case=cases[-1].id)


async def _begun(house: House, organisation: str | None, *, into: str | None, delivery: str | None) -> Delivery:
    """The delivery that is gone on with, or a new one; says its id before anything is sent."""
    if delivery is not None:
        found = await house.delivery(delivery, organisation)
        if found.state == "discarded":
            raise Refusal("delivery-over", next_step="start-again")
        return found
    whose = (
        await house.organisation(organisation) if into is None else (await house.case(into, organisation)).organisation
    )
    begun = await house.deliveries.begin(whose, into=into, by=BY)
    hint("delivery-begun", delivery=begun)
    return await house.deliveries.one(begun, whose)


async def _taken(house: House, delivery: Delivery, files: Sequence[Path]) -> KeptCase:
    """The case that a delivery becomes, or became before; whatever breaks this off, the delivery stays as it is."""
    case = delivery.taken_into
    if case is None:
        try:
            with bar() as tell:
                await _sent(house, delivery, files, tell)
                case = await _taken_in(house, delivery, tell)
        except BaseException:
            hint("delivery-stays", delivery=delivery.id)
            raise
    return await house.cases.one(case, delivery.organisation)


async def _sent(house: House, delivery: Delivery, files: Sequence[Path], tell: Tell) -> None:
    """Add each file; the same bytes again change nothing.  What arrived from elsewhere is told."""
    there = {each.document for each in await house.deliveries.arrivals(delivery)}
    sent = set()
    for number, file in enumerate(files, start=1):
        try:
            sent.add((await house.deliveries.add(delivery, read_bytes(file))).document)
        except Refusal:
            hint("in-file", file=str(file))
            raise
        tell(say("sending"), number, len(files))
    if there:
        hint("arrived-before", count=len(there & sent))
    if there - sent:
        hint("arrived-from-elsewhere", count=len(there - sent))


async def _taken_in(house: House, delivery: Delivery, tell: Tell) -> str:
    async def on_progress(step: str, done: int, total: int) -> None:
        tell(step_said(step), done, total)

    return (await house.deliveries.take_in(delivery, by=BY, on_progress=on_progress)).case


async def _discarded(house: House, delivery: str, organisation: str | None) -> None:
    await house.deliveries.discard(await house.delivery(delivery, organisation), by=BY)


def _show_cases(cases: Sequence[KeptCase]) -> None:
    table = Table(Column(min_width=_ID_WIDTH), *map(say, ("patient", "patient-number", "holds", "taken-in")))
    for each in cases:
        table.add_row(each.id, _name(each.about), each.about.patient_number, _held(each.about), moment(each.made_at))
    out.print(table, markup=False)


def _name(about: CaseAbout) -> str:
    from tianfu.apps.radiotherapy.speech import Speech

    return Speech(language()).name(about.patient_name) or say("nameless")


def _held(about: CaseAbout) -> str:
    return say(
        "case-holds",
        slices=about.slices,
        structures=len(about.structures),
        plans=len(about.plans),
        doses=len(about.doses),
    )


def _case_row(kept: KeptCase) -> dict[str, Any]:
    about = kept.about
    return {
        "notice": say("notice"),
        "case": kept.id,
        "organisation": kept.organisation,
        "patient": about.patient_number,
        "patient_name": about.patient_name,
        "objects": dict(about.modalities),
        "doses": [each.instance for each in about.doses],
        "findings": [{"code": each.code, **each.details} for each in about.findings],
        "taken_in_at": to_fhir_instant(kept.made_at),
    }


def _delivery_row(delivery: Delivery) -> dict[str, Any]:
    return {"delivery": delivery.id, "into": delivery.into, "begun_at": to_fhir_instant(delivery.begun_at)}
