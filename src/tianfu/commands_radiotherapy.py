"""The commands of radiotherapy: docs/how-to/judge-a-plan.md"""

from __future__ import annotations

import functools
import json
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypeVar

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from tianfu.kernel.refusal import Refusal
from tianfu.terminal import err, out

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.model.dvh import Dvh
    from tianfu.apps.radiotherapy.model.gamma import GammaMap
    from tianfu.apps.radiotherapy.model.protocols import Protocol
    from tianfu.apps.radiotherapy.model.scorecards import ScoreLine
    from tianfu.apps.radiotherapy.queries.evaluation import EvaluatedStructure, Evaluation
    from tianfu.standards.dicom.cases import Case
    from tianfu.standards.dicom.doses import Dose
    from tianfu.standards.dicom.findings import Finding, Reading
    from tianfu.web.languages import Language

Given = ParamSpec("Given")
Result = TypeVar("Result")

OBJECT_BYTES_MAX = 1 << 30
"""A single object, also once it is inflated; a dose of 500 x 500 x 500 voxels has half of it. [ours]"""

CASE_BYTES_MAX = 4 << 30
FILES_MAX = 5_000
VOXELS_MAX = 1 << 28
"""An image of 1,000 slices of 512 x 512 voxels. [ours]"""

KEY_BYTES = 32
PERCENTS = (98.0, 95.0, 50.0, 2.0)

Folder = Annotated[Path, typer.Argument(help="a folder with the DICOM files of one case")]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]
Chosen = Annotated[str | None, typer.Option("--dose", help="SOP Instance UID of the dose, where there are several")]
ProtocolName = Annotated[str | None, typer.Option("--protocol", help="a protocol's name, or a file of one's own")]

radiotherapy_commands = typer.Typer(
    no_args_is_help=True, help="Radiotherapy plans.  Not for clinical use until commissioned and registered."
)


@functools.cache
def language() -> Language:
    """The language of the terminal; English unless it asks for Chinese."""
    import tianfu.apps.radiotherapy as app
    from tianfu.web.languages import load_languages
    from tianfu.web.pages import WEB_FOLDER

    wish = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    languages = load_languages([WEB_FOLDER / "languages", Path(str(app.__file__)).parent / "languages"])
    return languages["zh-CN" if wish.startswith("zh") else "en"]


def _said(code: str, details: dict[str, str]) -> str:
    """The sentence of a refusal or a finding; its code alone if a word of it is missing."""
    key = f"refusal.{code}"
    try:
        return language().say(key, **details) if language().has(key) else code
    except KeyError:
        return code


def spoken(command: Callable[Given, Result]) -> Callable[Given, Result]:
    """Have a command say its notice first, and in words why it refuses."""

    @functools.wraps(command)
    def told(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        err.print(language().say("rt.notice"), style="bold yellow", markup=False)
        try:
            return command(*args, **kwargs)
        except Refusal as refusal:
            err.print(_said(refusal.code, dict(refusal.details)), markup=False)
            raise

    return told


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on the terminal for work that tells how far it is."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda step, done, total: bar.update(task, description=step, completed=done, total=total)


def _files(folder: Path) -> list[Path]:
    """Every file below a folder; raises Refusal `case-no-files`, `case-too-many-files`, `case-too-large`."""
    files = [folder] if folder.is_file() else sorted(each for each in folder.rglob("*") if each.is_file())
    if not files:
        raise Refusal("case-no-files", details={"folder": str(folder)})
    if len(files) > FILES_MAX:
        raise Refusal("case-too-many-files", details={"count": str(len(files)), "most": str(FILES_MAX)})
    total = sum(each.stat().st_size for each in files)
    if total > CASE_BYTES_MAX:
        raise Refusal("case-too-large", details={"bytes": str(total), "most": str(CASE_BYTES_MAX)})
    return files


def _contents(files: Sequence[Path], tell: Callable[[str, int, int], None]) -> list[bytes]:
    read = []
    for number, file in enumerate(files, start=1):
        read.append(file.read_bytes())
        tell(language().say("rt.reading"), number, len(files))
    return read


def _read(folder: Path, tell: Callable[[str, int, int], None]) -> Reading[Case]:
    from tianfu.standards.dicom.cases import read_case

    files = _files(folder)
    try:
        return read_case(_contents(files, tell), bytes_max=OBJECT_BYTES_MAX, voxels_max=VOXELS_MAX)
    except Refusal as refusal:
        if "object" in refusal.details:
            err.print(language().say("rt.in-file", file=str(files[int(refusal.details["object"]) - 1])), markup=False)
        raise


def _tell_findings(findings: Sequence[Finding]) -> None:
    for finding in findings:
        err.print(f"! {_said(finding.code, dict(finding.details))} ({finding.code})", markup=False)


@radiotherapy_commands.command(name="show")
@spoken
def show_case(folder: Folder, as_json: AsJson = False) -> None:
    """Say what a case holds, and what is odd about it."""
    with _progress() as tell:
        reading = _read(folder, tell)
    if as_json:
        print(json.dumps(_case_told(reading), ensure_ascii=False))
        return
    _show_objects(reading.value)
    _show_structures(reading.value)
    _tell_findings(reading.findings)


@radiotherapy_commands.command(name="dvh")
@spoken
def show_dvh(folder: Folder, dose: Chosen = None, protocol: ProtocolName = None, as_json: AsJson = False) -> None:
    """Dose-volume figures of every structure, and the scorecard of a protocol."""
    evaluation = _evaluation(folder, dose, protocol)
    if as_json:
        print(json.dumps(_evaluation_told(evaluation), ensure_ascii=False))
        return
    _show_figures(evaluation)
    if evaluation.lines:
        _show_scorecard(evaluation.lines)


@radiotherapy_commands.command(name="compare")
@spoken
def compare_plans(first: Folder, second: Folder, protocol: Annotated[str, typer.Option(help="a protocol")]) -> None:
    """Two plans' scorecards side by side."""
    from tianfu.apps.radiotherapy.model.comparison import compare

    lines = [_evaluation(folder, None, protocol).lines for folder in (first, second)]
    table = Table(*(language().say(f"rt.{key}") for key in ("structure", "goal", "first", "second", "gain")))
    for each in compare(*lines):
        table.add_row(
            each.first.goal.structure,
            each.first.goal.goal,
            *(_reached(line) for line in (each.first, each.second)),
            "" if each.gain is None else f"{each.gain:+.2f}",
        )
    out.print(table)


@radiotherapy_commands.command(name="gamma")
@spoken
def show_gamma(
    reference: Annotated[Path, typer.Argument(help="an RTDOSE file, or a folder with one")],
    evaluated: Annotated[Path, typer.Argument(help="the one that is judged")],
    dose_percent: Annotated[float, typer.Option(help="dose difference criterion, %")],
    distance_mm: Annotated[float, typer.Option(help="distance criterion, mm")],
    difference: Annotated[str, typer.Option(help="global or local")],
    normalise: Annotated[str, typer.Option(help="reference-maximum, or a dose in Gy")],
    threshold_percent: Annotated[float, typer.Option(help="points below this share of the normalisation do not count")],
    search: Annotated[str, typer.Option(help="3d, or 2d for each slice by itself")],
    gamma_max: Annotated[float, typer.Option(help="the search ends here")] = 2.0,
    as_json: AsJson = False,
) -> None:
    """Judge a dose against a reference by the gamma index; every criterion is said, none assumed."""
    from tianfu.apps.radiotherapy.model.gamma import gamma_index
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
    with _progress() as tell:
        first, second = _dose(reference, tell), _dose(evaluated, tell)
        if first.header.frame != second.header.frame:
            raise Refusal("doses-in-different-frames")
        step = language().say("rt.judging")
        found = gamma_index(
            first.volume,
            second.volume,
            criteria=criteria,
            on_progress=lambda done, total: tell(step, done, total),
        )
    if as_json:
        print(json.dumps(_gamma_told(found), ensure_ascii=False))
    else:
        _show_gamma(found)


@radiotherapy_commands.command(name="protocols")
@spoken
def show_protocols() -> None:
    """The protocols that come with the program; each line of theirs carries how it is known."""
    from tianfu.apps.radiotherapy.protocols import shipped_protocols

    table = Table(*(language().say(f"rt.{key}") for key in ("protocol", "title", "goals", "marks")))
    for name, each in shipped_protocols().items():
        marks = ", ".join(sorted({goal.mark for goal in each.goals}))
        table.add_row(name, each.title.get(language().tag, name), str(len(each.goals)), marks)
    out.print(table)


@radiotherapy_commands.command(name="deidentify")
@spoken
def deidentify_case(
    folder: Folder,
    into: Annotated[Path, typer.Argument(help="a new or empty folder")],
    key_file: Annotated[Path, typer.Option(help="a file of 32 random bytes or more; made if it is not there")],
    links: Annotated[Path, typer.Option(help="a new file for what leads back: keep it where the key is")],
) -> None:
    """Write a case without identity; the same key gives the same pseudonyms and UIDs each time."""
    from tianfu.standards.dicom.deidentify import deidentified
    from tianfu.standards.dicom.encoding import decode, encode

    _refuse_filled(into, links)
    key = _key(key_file)
    with _progress() as tell:
        made = [
            deidentified(decode(content, bytes_max=OBJECT_BYTES_MAX).dataset, key=key)
            for content in _contents(_files(folder), tell)
        ]
        encoded = [encode(dataset) for dataset, _ in made]
    _write_privately(links, json.dumps([asdict(link) for _, link in made]).encode())
    into.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(encoded, start=1):
        (into / f"{number:05}.dcm").write_bytes(content)
    out.print(language().say("rt.deidentified", count=len(encoded), folder=str(into)), markup=False)


def _evaluation(folder: Path, dose: str | None, protocol: str | None) -> Evaluation:
    from tianfu.apps.radiotherapy.queries.evaluation import evaluate

    chosen = None if protocol is None else _protocol(protocol)
    with _progress() as tell:
        reading = _read(folder, tell)
        evaluation = evaluate(reading.value, dose=dose, protocol=chosen, on_progress=tell)
    _tell_findings(reading.findings)
    if chosen is not None:
        err.print(chosen.notice.get(language().tag, ""), style="bold yellow", markup=False)
    return evaluation


def _protocol(name: str) -> Protocol:
    from tianfu.apps.radiotherapy.model.protocols import protocol_from
    from tianfu.apps.radiotherapy.protocols import shipped_protocols

    if Path(name).is_file():
        return protocol_from(Path(name).read_bytes())
    shipped = shipped_protocols()
    if name not in shipped:
        raise Refusal("protocol-unknown", details={"protocol": name, "known": ", ".join(shipped)})
    return shipped[name]


def _dose(place: Path, tell: Callable[[str, int, int], None]) -> Dose:
    """The only dose of a folder, whatever else lies there, or of a file."""
    from tianfu.apps.radiotherapy.queries.evaluation import dose_of

    return dose_of(_read(place, tell).value, None)


def _one_of(kinds: Any, name: str) -> Any:
    try:
        return kinds(name)
    except ValueError:
        raise Refusal("option-unknown", details={"given": name, "known": ", ".join(kinds)}) from None


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


def _refuse_filled(folder: Path, links: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refusal("folder-not-empty", next_step="name-another-folder", details={"folder": str(folder)})
    if links.exists():
        raise Refusal("file-there-already", next_step="name-another-file", details={"file": str(links)})


def _key(file: Path) -> bytes:
    if not file.exists():
        _write_privately(file, os.urandom(KEY_BYTES))
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise Refusal("key-open-to-others", next_step="take-it-from-others", details={"file": str(file)})
    key = file.read_bytes()
    if len(key) < KEY_BYTES:
        raise Refusal("key-damaged", details={"file": str(file)})
    return key


def _write_privately(file: Path, content: bytes) -> None:
    """For its owner alone, from the first byte on."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(content)


def _case_told(reading: Reading[Case]) -> dict[str, Any]:
    case = reading.value
    return {
        "notice": language().say("rt.notice"),
        "images": [{"slices": len(each.instances), "shape": each.volume.grid.shape} for each in case.images],
        "structure_sets": [
            {"label": each.label, "structures": [one.name for one in each.structures]} for each in case.structure_sets
        ],
        "plans": [{"label": each.label, "beams": len(each.beams)} for each in case.plans],
        "doses": [{"instance": each.instance, "summation": each.summation} for each in case.doses],
        "treatments": len(case.treatments),
        "findings": [{"code": each.code, **each.details} for each in reading.findings],
    }


def _show_objects(case: Case) -> None:
    table = Table(*(language().say(f"rt.{key}") for key in ("object", "label", "holds")))
    for series in case.images:
        slices, rows, columns = series.volume.grid.shape
        table.add_row("CT", series.header.series.description, f"{slices} × {rows} × {columns}")
    for structure_set in case.structure_sets:
        table.add_row("RTSTRUCT", structure_set.label, f"{len(structure_set.structures)}")
    for plan in case.plans:
        fractions = ", ".join(f"{each.fractions or '?'} × {len(each.beams)}" for each in plan.fraction_groups)
        table.add_row("RTPLAN", plan.label, fractions)
    for dose in case.doses:
        table.add_row("RTDOSE", dose.summation, f"{float(dose.volume.values.max()):.2f} Gy  {dose.instance}")
    if case.treatments:
        table.add_row("RTRECORD", "", str(len(case.treatments)))
    out.print(table)


def _show_structures(case: Case) -> None:
    from tianfu.standards.dicom.names import Unknown, standard_name_of

    table = Table(*(language().say(f"rt.{key}") for key in ("structure", "standard-name", "kind", "rings")))
    for structure_set in case.structure_sets:
        for each in structure_set.structures:
            name = standard_name_of(each.name)
            standard = "–" if isinstance(name, Unknown) else name.name
            table.add_row(each.name, standard, each.kind, str(len(each.rings)))
    out.print(table)


def _figures(dvh: Dvh) -> list[float]:
    from tianfu.apps.radiotherapy.model.dvh_figures import dose_at_percent

    doses = [dose_at_percent(dvh, percent) for percent in PERCENTS]
    return [dvh.volume_cc, dvh.min_gy, dvh.mean_gy, dvh.max_gy, *doses]


def _figure_names() -> list[str]:
    return ["volume_cc", "min_gy", "mean_gy", "max_gy", *(f"d{percent:g}_gy" for percent in PERCENTS)]


def _show_figures(evaluation: Evaluation) -> None:
    heads = ["cc", "Dmin", "Dmean", "Dmax", *(f"D{percent:g}%" for percent in PERCENTS)]
    table = Table(language().say("rt.structure"), *heads)
    for each in evaluation.structures:
        if each.dvh is None:
            said = "" if each.refused is None else _said(each.refused.code, dict(each.refused.details))
            err.print(f"! {each.structure.name}: {said}", markup=False)
            continue
        table.add_row(each.structure.name, *(f"{value:.2f}" for value in _figures(each.dvh)))
        if each.dvh.is_partial:
            said = language().say("rt.partly-outside", percent=f"{100 * each.dvh.outside_share:.1f}")
            err.print(f"! {each.structure.name}: {said}", markup=False)
    out.print(table)


def _reached(line: ScoreLine) -> str:
    reached = "–" if line.reached is None else f"{line.reached:.2f} {line.goal.constraint.unit}"
    verdict = language().say(f"rt.verdict-{line.verdict}")
    return f"{reached} {verdict}" if line.reason is None else f"{reached} {verdict}: {_said(line.reason, {})}"


def _show_scorecard(lines: Sequence[ScoreLine]) -> None:
    table = Table(*(language().say(f"rt.{key}") for key in ("priority", "structure", "goal", "reached", "known")))
    for line in lines:
        goal = line.goal
        table.add_row(str(goal.priority), goal.structure, goal.goal, _reached(line), goal.mark)
    out.print(table)


def _structure_told(evaluated: EvaluatedStructure) -> dict[str, Any]:
    if evaluated.dvh is None:
        return {"refused": "" if evaluated.refused is None else evaluated.refused.code}
    figures = dict(zip(_figure_names(), _figures(evaluated.dvh), strict=True))
    return {**figures, "outside_share": evaluated.dvh.outside_share}


def _evaluation_told(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "notice": language().say("rt.notice"),
        "dose": evaluation.dose.instance,
        "plan": None if evaluation.plan is None else evaluation.plan.label,
        "prescription_gy": evaluation.prescription_gy,
        "structures": {each.structure.name: _structure_told(each) for each in evaluation.structures},
        "scorecard": [
            {
                "structure": line.goal.structure,
                "goal": line.goal.goal,
                "mark": line.goal.mark,
                "reached": line.reached,
                "verdict": line.verdict.value,
                "reason": line.reason,
            }
            for line in evaluation.lines
        ],
    }


def _gamma_told(found: GammaMap) -> dict[str, Any]:
    return {
        "notice": language().say("rt.notice"),
        "criteria": {name: str(value) for name, value in asdict(found.criteria).items()},
        "normalisation_gy": found.normalisation_gy,
        "pass_percent": found.pass_percent,
        "judged": found.judged,
        "passed": found.passed,
        "below_threshold": found.below,
        "outside": found.outside,
        "mean": found.mean,
        "p95": found.p95,
        "highest": found.highest,
    }


def _show_gamma(found: GammaMap) -> None:
    table = Table(show_header=False)
    rows = {
        "pass": f"{found.pass_percent:.2f} %",
        "judged": f"{found.judged:,}",
        "below": f"{found.below:,} (< {found.threshold_gy:.3f} Gy)",
        "outside": f"{found.outside:,}",
        "mean-gamma": f"{found.mean:.3f}",
        "p95-gamma": f"{found.p95:.3f}",
        "highest-gamma": f"{found.highest:.3f}",
    }
    for key, value in rows.items():
        table.add_row(language().say(f"rt.gamma-{key}"), value)
    out.print(table)
