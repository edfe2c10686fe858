"""`tianfu rt show|dvh|compare|gamma|protocols`: what a case holds and how its doses are to be judged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from tianfu.commands_radiotherapy import kept
from tianfu.commands_radiotherapy.folders import read_folder
from tianfu.commands_radiotherapy.house import BY, Organisation, is_case
from tianfu.commands_radiotherapy.speaking import bar, hint, language, say, spoken, tell_findings
from tianfu.commands_radiotherapy.telling import (
    case_told,
    comparison_told,
    evaluation_told,
    gamma_told,
    show_comparison,
    show_evaluation,
    show_gamma_result,
    show_objects,
    show_structures,
)
from tianfu.commands_radiotherapy.waiting import Leave
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.terminal import err, out

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.model.gamma_criteria import GammaCriteria
    from tianfu.apps.radiotherapy.model.protocols import Protocol
    from tianfu.apps.radiotherapy.results import EvaluationResult, GammaResult, Provenance

Place = Annotated[str, typer.Argument(help="the id of a kept case, or a folder with the DICOM files of one case")]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]
Chosen = Annotated[str | None, typer.Option("--dose", help="SOP Instance UID of the dose, where there are several")]
ProtocolName = Annotated[str | None, typer.Option("--protocol", help="a protocol's name, or a file of one's own")]


@spoken
def show_case(place: Place, organisation: Organisation = None, as_json: AsJson = False) -> None:
    """Say what a case holds, and what is odd about it."""
    if is_case(place):
        reading = kept.read(place, organisation)
    else:
        with bar() as tell:
            reading, _ = read_folder(Path(place), tell)
    if as_json:
        _print(case_told(reading))
        return
    show_objects(reading.value)
    show_structures(reading.value)
    tell_findings(reading.findings)


@spoken
def show_dvh(
    place: Place,
    dose: Chosen = None,
    protocol: ProtocolName = None,
    organisation: Organisation = None,
    leave: Leave = False,
    as_json: AsJson = False,
) -> None:
    """Dose-volume figures of every structure, and the scorecard of a protocol."""
    chosen = None if protocol is None else chosen_protocol(protocol)
    if is_case(place):
        (result,) = kept.evaluations(place, organisation, [dose], chosen, leave=leave)
    else:
        result = _evaluation(Path(place), dose, chosen)
    if as_json:
        _print(evaluation_told(result))
        return
    show_evaluation(result)


@spoken
def compare_plans(
    first: Annotated[str, typer.Argument(help="a kept case, or the folder of the first plan")],
    protocol: Annotated[str, typer.Option(help="a protocol's name, or a file of one's own")],
    second: Annotated[str | None, typer.Argument(help="the folder of the second plan")] = None,
    first_dose: Annotated[str | None, typer.Option("--first", help="SOP Instance UID of the first plan's dose")] = None,
    second_dose: Annotated[str | None, typer.Option("--second", help="the same of the second plan")] = None,
    organisation: Organisation = None,
    as_json: AsJson = False,
) -> None:
    """Two plans' scorecards side by side: two doses of a kept case, or those of two folders."""
    from tianfu.apps.radiotherapy.queries.comparison import compared

    chosen = chosen_protocol(protocol)
    if is_case(first):
        doses = _both(first_dose, second_dose, is_alone=second is None)
        results = kept.evaluations(first, organisation, doses, chosen, leave=False)
    else:
        folders = zip(_both(first, second, is_alone=True), (first_dose, second_dose), strict=True)
        results = [_evaluation(Path(folder), dose, chosen) for folder, dose in folders]
    lines = compared(*results)
    if as_json:
        _print(comparison_told(results[0], results[1], lines))
    else:
        show_comparison(lines)


@spoken
def show_gamma(
    reference: Annotated[str, typer.Argument(help="a kept case, or an RTDOSE file, or a folder with one")],
    dose_percent: Annotated[float, typer.Option(help="dose difference criterion, %")],
    distance_mm: Annotated[float, typer.Option(help="distance criterion, mm")],
    difference: Annotated[str, typer.Option(help="global or local")],
    normalise: Annotated[str, typer.Option(help="reference-maximum, or a dose in Gy")],
    threshold_percent: Annotated[float, typer.Option(help="points below this share of the normalisation do not count")],
    search: Annotated[str, typer.Option(help="3d, or 2d for each slice by itself")],
    evaluated: Annotated[str | None, typer.Argument(help="the file or folder that is judged")] = None,
    reference_dose: Annotated[
        str | None, typer.Option("--reference", help="SOP Instance UID of the reference, in a kept case")
    ] = None,
    evaluated_dose: Annotated[
        str | None, typer.Option("--evaluated", help="the same of the one that is judged")
    ] = None,
    gamma_max: Annotated[float, typer.Option(help="the search ends here")] = 2.0,
    organisation: Organisation = None,
    leave: Leave = False,
    as_json: AsJson = False,
) -> None:
    """Judge a dose against a reference by the gamma index; every criterion is said, none assumed."""
    from tianfu.apps.radiotherapy.model.gamma_criteria import Difference, GammaCriteria, Normalisation, Search

    criteria = GammaCriteria(
        dose_difference_percent=dose_percent,
        distance_mm=distance_mm,
        difference=_one_of(Difference, difference),
        normalisation_gy=float(normalise) if _is_number(normalise) else _one_of(Normalisation, normalise),
        threshold_percent=threshold_percent,
        gamma_max=gamma_max,
        search=_one_of(Search, search),
    )
    if is_case(reference):
        doses = _both(reference_dose, evaluated_dose, is_alone=evaluated is None)
        result = kept.comparison(reference, organisation, doses, criteria, leave=leave)
    else:
        places = _both(reference, evaluated, is_alone=(reference_dose, evaluated_dose) == (None, None))
        result = _comparison(Path(places[0]), Path(places[1]), criteria)
    if as_json:
        _print(gamma_told(result))
    else:
        show_gamma_result(result)


@spoken
def show_protocols() -> None:
    """The protocols that come with the program; each line of theirs carries how it is known."""
    from tianfu.apps.radiotherapy.protocols import shipped_protocols

    table = Table(*map(say, ("protocol", "title", "goals", "marks")))
    for name, each in shipped_protocols().items():
        marks = ", ".join(sorted({goal.mark for goal in each.goals}))
        table.add_row(name, each.title.get(language().tag, name), str(len(each.goals)), marks)
    out.print(table, markup=False)


def _evaluation(folder: Path, dose: str | None, protocol: Protocol | None) -> EvaluationResult:
    from tianfu.apps.radiotherapy.made_results import result_of
    from tianfu.apps.radiotherapy.queries.evaluation import evaluate

    with bar() as tell:
        reading, contents = read_folder(folder, tell)
        evaluation = evaluate(reading.value, dose=dose, protocol=protocol, on_progress=tell)
    tell_findings(reading.findings)
    return result_of(evaluation, _provenance(contents), protocol="" if protocol is None else protocol.name)


def _comparison(reference: Path, evaluated: Path, criteria: GammaCriteria) -> GammaResult:
    """The only dose of either place, whatever else lies there, by the gamma index."""
    from tianfu.apps.radiotherapy.made_results import gamma_result_of
    from tianfu.apps.radiotherapy.model.gamma import gamma_index
    from tianfu.apps.radiotherapy.queries.evaluation import dose_of

    with bar() as tell:
        readings = [read_folder(place, tell) for place in (reference, evaluated)]
        first, second = (dose_of(reading.value, None) for reading, _ in readings)
        if first.header.frame != second.header.frame:
            raise Refusal("doses-in-different-frames")

        def on_progress(done: int, total: int) -> None:
            tell(say("judging"), done, total)

        found = gamma_index(first.volume, second.volume, criteria=criteria, on_progress=on_progress)
    provenance = _provenance([content for _, contents in readings for content in contents])
    return gamma_result_of(found, provenance, reference=first.instance, evaluated=second.instance)


def _provenance(contents: Sequence[bytes]) -> Provenance:
    """Of what was computed on files: they are named by their SHA-256."""
    from tianfu.apps.radiotherapy.code_version import code_version
    from tianfu.apps.radiotherapy.results import FORM, NOT_CLEARED, Provenance

    return Provenance(
        form=FORM,
        notice=NOT_CLEARED,
        code_version=code_version(),
        made_at=system_clock(),
        asked_by=BY.id,
        inputs=tuple(sorted(hashlib.sha256(content).hexdigest() for content in contents)),
    )


def chosen_protocol(name: str) -> Protocol:
    """A protocol by its name or from a file; says what must be known of it."""
    from tianfu.apps.radiotherapy.model.protocols import protocol_from
    from tianfu.apps.radiotherapy.protocols import shipped_protocols

    shipped = shipped_protocols()
    if name not in shipped and not Path(name).is_file():
        raise Refusal("protocol-unknown", details={"protocol": name, "known": ", ".join(shipped)})
    protocol = protocol_from(Path(name).read_bytes()) if Path(name).is_file() else shipped[name]
    if notice := protocol.notice.get(language().tag, ""):
        err.print(notice, style="bold yellow", markup=False)
    return protocol


def _both(first: str | None, second: str | None, *, is_alone: bool) -> list[str]:
    """Two things to be compared; raises Refusal `two-needed` unless both, and nothing else, are named."""
    if first is None or second is None or not is_alone:
        hint("two-of-a-case")
        raise Refusal("two-needed")
    return [first, second]


def _one_of(kinds: Any, name: str) -> Any:
    try:
        return kinds(name)
    except ValueError:
        raise Refusal("option-unknown", details={"given": name, "known": ", ".join(kinds)}) from None


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


def _print(told: dict[str, Any]) -> None:
    print(json.dumps(told, ensure_ascii=False))
