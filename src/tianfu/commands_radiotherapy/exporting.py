"""`tianfu rt export`: a kept case as it was delivered, with what was computed about it, in a folder of its own."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import typer

from tianfu.commands_radiotherapy.folders import refuse_filled, whole_folder, write_file, write_readme
from tianfu.commands_radiotherapy.house import BY, House, Organisation, with_house
from tianfu.commands_radiotherapy.speaking import bar, languages, notices, say, spoken, step_said
from tianfu.kernel.instants import system_clock, to_fhir_instant
from tianfu.kernel.refusal import Refusal
from tianfu.terminal import out

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.plan_results import PlanResult
    from tianfu.apps.radiotherapy.results import EvaluationResult, GammaResult
    from tianfu.services.imaging.cases import KeptCase, KeptObject
    from tianfu.services.jobs.works import Work

FORM: Final = 1
"""The shape of `provenance.json` and of the results beside it."""

PROVENANCE: Final = "provenance.json"
RESULTS: Final = "results"


Results = list[tuple["Work", "EvaluationResult | GammaResult | PlanResult"]]


@spoken
def export_case(
    case: Annotated[str, typer.Argument(help="the id of a kept case")],
    folder: Annotated[Path, typer.Argument(help="a new or empty folder")],
    result: Annotated[
        list[str] | None, typer.Option(help="id of a work whose result goes along; none: all that are done")
    ] = None,
    organisation: Organisation = None,
) -> None:
    """Write a kept case byte for byte as it was delivered, with its results and where they come from."""
    refuse_filled(folder)

    async def work(house: House) -> tuple[int, int]:
        from tianfu.services.imaging.cases import EXPORT

        found = await house.case(case, organisation)
        results = await _results(house, found, result)
        # Told before anything leaves: what is broken off half-way has been seen all the same.
        await house.cases.tell(found, EXPORT, by=BY, works=" ".join(each.id for each, _ in results))
        return await _written(house, found, results, folder), len(results)

    objects, results = with_house(work)
    out.print(say("exported", count=objects, results=results, folder=str(folder)), markup=False)


async def _results(house: House, case: KeptCase, wanted: Sequence[str] | None) -> Results:
    """What was computed about a case and is done; raises Refusal `work-unknown` for what is wanted and is not."""
    from tianfu.apps.radiotherapy.wishes import EVALUATE, GAMMA, PLAN, evaluation_of, gamma_of, plan_of

    done = {each.id: each for each in await house.works.about(case.id) if each.result is not None}
    readers: dict[str, Any] = {EVALUATE: evaluation_of, GAMMA: gamma_of, PLAN: plan_of}
    there = {name: each for name, each in done.items() if each.kind in readers}
    if unknown := set(wanted or ()) - set(there):
        raise Refusal("work-unknown", next_step="look-at-the-list", details={"works": " ".join(sorted(unknown))})
    chosen = [there[name] for name in (wanted or sorted(there))]
    return [(each, await readers[each.kind](house.documents, each)) for each in chosen]


async def _written(house: House, case: KeptCase, results: Results, folder: Path) -> int:
    """Write all of it, one object at a time; how many objects there are."""
    objects, told = await house.cases.objects(case), []
    with whole_folder(folder) as unfinished, bar() as tell:
        for number, each in enumerate(objects, start=1):
            told.append(await asyncio.to_thread(_object, unfinished, number, each, await house.cases.content(each)))
            tell(step_said("reading"), number, len(objects))
        (unfinished / RESULTS).mkdir(mode=0o700)
        for work, result in results:
            write_file(unfinished / RESULTS / _result_name(work), _as_json(_result_told(work, result)))
        write_file(unfinished / PROVENANCE, _as_json(_told(case, told, results)))
        write_readme(unfinished, *(each.say("rt.exported-readme", case=case.id) for each in languages().values()))
    return len(objects)


def _object(folder: Path, number: int, kept: KeptObject, content: bytes) -> dict[str, Any]:
    """Write an object, and say what it is."""
    name = object_name(number, kept.modality)
    write_file(folder / name, content)
    return {
        "file": name,
        "instance": kept.instance,
        "modality": kept.modality,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "document": kept.document,
    }


def object_name(number: int, modality: str) -> str:
    """How the file of an object is called; what a stranger wrote into it names no other folder."""
    kind = modality if modality.isascii() and modality.isalnum() else "object"
    return f"{kind}-{number:05}.dcm"


def _told(case: KeptCase, objects: Sequence[dict[str, Any]], results: Results) -> dict[str, Any]:
    documents = sorted(each["document"] for each in objects)
    return {
        "form": FORM,
        "notice": notices(),
        "case": case.id,
        "organisation": case.organisation,
        "taken_in_at": to_fhir_instant(case.made_at),
        "exported_at": to_fhir_instant(system_clock()),
        "objects": objects,
        "results": [
            {
                "file": f"{RESULTS}/{_result_name(work)}",
                "work": work.id,
                "kind": work.kind,
                "provenance": msgspec.to_builtins(result.provenance),
                # A case may have got more objects since it was judged.
                "is_of_these_objects": sorted(result.provenance.inputs) == documents,
            }
            for work, result in results
        ],
    }


def _result_told(work: Work, result: EvaluationResult | GammaResult | PlanResult) -> dict[str, Any]:
    return {
        "form": FORM,
        "notice": notices(),
        "work": work.id,
        "kind": work.kind,
        "result": msgspec.to_builtins(result),
    }


def _result_name(work: Work) -> str:
    return f"{work.kind.removeprefix('radiotherapy-')}-{work.id}.json"


def _as_json(told: dict[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n"
