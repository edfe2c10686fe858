"""What is read and computed, on a terminal and as JSON: one way for folders and for kept cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from rich.table import Table

from tianfu.commands_radiotherapy.speaking import language, said, say
from tianfu.terminal import err, out

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.queries.comparison import ComparedResult
    from tianfu.apps.radiotherapy.results import (
        EvaluationResult,
        Figures,
        GammaResult,
        LineResult,
        Provenance,
        StructureResult,
    )
    from tianfu.standards.dicom.cases import Case
    from tianfu.standards.dicom.findings import Reading


def case_told(reading: Reading[Case]) -> dict[str, Any]:
    """A case as JSON."""
    case = reading.value
    return {
        "notice": say("notice"),
        "images": [{"slices": len(each.instances), "shape": each.volume.grid.shape} for each in case.images],
        "structure_sets": [
            {"label": each.label, "structures": [one.name for one in each.structures]} for each in case.structure_sets
        ],
        "plans": [{"label": each.label, "beams": len(each.beams)} for each in case.plans],
        "doses": [{"instance": each.instance, "summation": each.summation} for each in case.doses],
        "treatments": len(case.treatments),
        "findings": [{"code": each.code, **each.details} for each in reading.findings],
    }


def evaluation_told(result: EvaluationResult) -> dict[str, Any]:
    """A judged dose as JSON."""
    names = Counter(each.name for each in result.structures)
    return {
        "notice": say("notice"),
        "provenance": provenance_told(result.provenance),
        "dose": result.dose,
        "plan": result.plan_label or None,
        "prescription_gy": result.prescription_gy,
        "protocol": result.protocol or None,
        "structures": {
            # Of two structures with one name neither may hide the other.
            each.name if names[each.name] == 1 else f"{each.name} #{each.number}": _structure_told(each)
            for each in result.structures
        },
        "scorecard": [line_told(line) for line in result.lines],
    }


def line_told(line: LineResult) -> dict[str, Any]:
    """A goal and what was reached of it, as JSON."""
    names = ("structure", "goal", "mark", "reached", "verdict", "reason")
    return {name: getattr(line, name) for name in names}


def comparison_told(
    first: EvaluationResult, second: EvaluationResult, lines: Sequence[ComparedResult]
) -> dict[str, Any]:
    """Two judged doses side by side, as JSON."""
    return {
        "notice": say("notice"),
        "protocol": first.protocol,
        "first": {"dose": first.dose, "provenance": provenance_told(first.provenance)},
        "second": {"dose": second.dose, "provenance": provenance_told(second.provenance)},
        "lines": [
            {"first": line_told(each.first), "second": line_told(each.second), "gain": each.gain} for each in lines
        ],
    }


def gamma_told(result: GammaResult) -> dict[str, Any]:
    """A gamma comparison as JSON, without its map."""
    return {
        "notice": say("notice"),
        "provenance": provenance_told(result.provenance),
        "reference": result.reference,
        "evaluated": result.evaluated,
        "criteria": dict(result.criteria),
        "normalisation_gy": result.normalisation_gy,
        "pass_percent": result.pass_percent,
        "judged": result.judged,
        "passed": result.passed,
        "below_threshold": result.below,
        "outside": result.outside,
        "mean": result.mean,
        "p95": result.p95,
        "highest": result.highest,
    }


def provenance_told(provenance: Provenance) -> dict[str, Any]:
    """Where a result comes from, as JSON."""
    from tianfu.kernel.instants import to_fhir_instant

    return {**msgspec.to_builtins(provenance), "made_at": to_fhir_instant(provenance.made_at)}


def show_objects(case: Case) -> None:
    """What a case holds, a line for each series, set, plan and dose."""
    table = Table(*map(say, ("object", "label", "holds")))
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
    out.print(table, markup=False)


def show_structures(case: Case) -> None:
    """Structures with their standard names."""
    from tianfu.standards.dicom.names import Unknown, standard_name_of

    table = Table(*map(say, ("structure", "standard-name", "kind", "rings")))
    for structure_set in case.structure_sets:
        for each in structure_set.structures:
            name = standard_name_of(each.name)
            standard = "–" if isinstance(name, Unknown) else name.name
            table.add_row(each.name, standard, each.kind, str(len(each.rings)))
    out.print(table, markup=False)


def show_evaluation(result: EvaluationResult) -> None:
    """Figures of every structure, and the scorecard if there is one."""
    from tianfu.apps.radiotherapy.results import PERCENTS

    table = Table(say("structure"), "cc", "Dmin", "Dmean", "Dmax", *(f"D{percent:g}%" for percent in PERCENTS))
    for each in result.structures:
        if each.figures is None:
            why = "" if each.refused is None else said(each.refused.code, each.refused.details)
            err.print(f"! {each.name}: {why}", markup=False)
            continue
        table.add_row(each.name, *(f"{value:.2f}" for value in _row_of(each.figures)))
        if each.figures.outside_share > 0:
            outside = say("partly-outside", percent=f"{100 * each.figures.outside_share:.1f}")
            err.print(f"! {each.name}: {outside}", markup=False)
    out.print(table, markup=False)
    if result.lines:
        show_scorecard(result.lines)


def show_comparison(lines: Sequence[ComparedResult]) -> None:
    """Two scorecards side by side."""
    table = Table(*map(say, ("structure", "goal", "first", "second", "gain")))
    for each in lines:
        gain = "" if each.gain is None else f"{each.gain:+.2f}"
        table.add_row(each.first.structure, each.first.goal, _reached(each.first), _reached(each.second), gain)
    out.print(table, markup=False)


def show_gamma_result(result: GammaResult) -> None:
    """The figures of a comparison, with the criteria without which they say nothing."""
    table = Table(show_header=False)
    rows = {
        "pass": f"{result.pass_percent:.2f} %",
        "judged": f"{result.judged:,}",
        "below": f"{result.below:,} (< {result.threshold_gy:.3f} Gy)",
        "outside": f"{result.outside:,}",
        "mean-gamma": f"{result.mean:.3f}",
        "p95-gamma": f"{result.p95:.3f}",
        "highest-gamma": f"{result.highest:.3f}",
        **result.criteria,
    }
    for key, value in rows.items():
        table.add_row(say(f"gamma-{key}"), value)
    out.print(table, markup=False)


def _row_of(figures: Figures) -> list[float]:
    return [figures.volume_cc, figures.min_gy, figures.mean_gy, figures.max_gy, *figures.doses_gy]


def _structure_told(each: StructureResult) -> dict[str, Any]:
    from tianfu.apps.radiotherapy.results import PERCENTS

    if each.figures is None:
        return {"refused": "" if each.refused is None else each.refused.code}
    names = ["volume_cc", "min_gy", "mean_gy", "max_gy", *(f"d{percent:g}_gy" for percent in PERCENTS)]
    return {**dict(zip(names, _row_of(each.figures), strict=True)), "outside_share": each.figures.outside_share}


def _reached(line: LineResult) -> str:
    reached = "–" if line.reached is None else f"{line.reached:.2f} {line.unit}"
    verdict = say(f"verdict-{line.verdict}")
    return f"{reached} {verdict}" if line.reason is None else f"{reached} {verdict}: {said(line.reason, {})}"


def show_scorecard(lines: Sequence[LineResult]) -> None:
    """The goals of a protocol, and what was reached of each."""
    table = Table(*map(say, ("priority", "structure", "goal", "reached", "known")))
    for line in lines:
        mark = language().say_either(f"rt.mark-{line.mark}", "rt.unsaid")
        table.add_row(str(line.priority), line.structure, line.goal, _reached(line), mark)
    out.print(table, markup=False)
