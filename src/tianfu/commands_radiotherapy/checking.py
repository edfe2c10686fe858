"""`tianfu rt check`: what rules say of a plan, gravest first, and what they could not judge."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from tianfu.commands_radiotherapy import kept
from tianfu.commands_radiotherapy.dosing import named_engine
from tianfu.commands_radiotherapy.folders import read_folder
from tianfu.commands_radiotherapy.house import Organisation, is_case
from tianfu.commands_radiotherapy.judging import AsJson, Place, ProtocolName, chosen_protocol
from tianfu.commands_radiotherapy.machines import chosen_machine
from tianfu.commands_radiotherapy.speaking import bar, say, spoken, step_said, tell_findings
from tianfu.commands_radiotherapy.tables import named_table
from tianfu.kernel.refusal import Refusal
from tianfu.terminal import out

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.model.checking.complexity import Complexity, PlanComplexity
    from tianfu.apps.radiotherapy.model.checking.rules import Fault, Outcome, Severity
    from tianfu.apps.radiotherapy.model.checking.subjects import Checked
    from tianfu.apps.radiotherapy.model.machines.machines import Machine
    from tianfu.apps.radiotherapy.queries.recomputing import Recomputed, Recomputing
    from tianfu.standards.dicom.findings import Finding

EXIT_OF = {"notice": 10, "warning": 11, "stop": 12}
"""How the command ends by the gravest fault; 0 without any, below 10 as all commands do if it could not judge."""

STOPPING = frozenset({"case-mixed-names", "case-mixed-patients"})
WARNING = frozenset(
    {
        "beam-leaves-cross",
        "beam-not-whole",
        "beam-without-isocentre",
        "beam-without-weights",
        "case-mixed-frames",
        "case-plan-of-other-structures",
        "case-prescription-of-no-structure",
        "case-structures-of-other-images",
        "plan-beam-unknown",
        "plan-dose-beyond",
        "plan-not-recomputed",
        "plan-without-fractions",
        "plan-without-meterset",
    }
)
"""What reading and computing tell and no rule says again, as grave as a fault; all else is to be known."""


@spoken
def check_plan(
    place: Place,
    plan: Annotated[
        str | None, typer.Option("--plan", help="SOP Instance UID of the plan, where there are several")
    ] = None,
    machine: Annotated[
        Path | None, typer.Option("--machine", help="a machine file, as `tianfu rt machine` writes one")
    ] = None,
    protocol: ProtocolName = None,
    engine: Annotated[
        str | None,
        typer.Option("--engine", help="compute the plan's dose anew by pencil-beam or collapsed-cone and compare"),
    ] = None,
    density_table: Annotated[
        str | None, typer.Option("--density-table", help="for --engine: a density table, by name or a file")
    ] = None,
    organisation: Organisation = None,
    as_json: AsJson = False,
) -> None:
    """Look a plan over by rules; rules that pass clear no plan for clinical use."""
    from tianfu.apps.radiotherapy.model.checking.subjects import checked_of, machine_limits_of
    from tianfu.apps.radiotherapy.model.checking.verdicts import outcomes_of, worst

    by = None if machine is None else chosen_machine(machine)
    recomputing = _recomputing(engine, density_table, by)
    chosen = None if protocol is None else chosen_protocol(protocol)
    if is_case(place):
        reading = kept.read(place, organisation)
    else:
        with bar() as tell:
            reading, _ = read_folder(Path(place), tell)
    limits = None if by is None else machine_limits_of(by)
    checked = checked_of(reading.value, plan=plan, machine=limits, protocol=chosen)
    again = _recomputed(checked, recomputing)
    findings = (*reading.findings, *(() if again is None else again.told))
    outcomes = outcomes_of(checked if again is None else replace(checked, recomputed_given=again.volume))
    gravest, figures = _gravest(worst(outcomes), findings), _figures(checked)
    if as_json:
        odd = [{"code": each.code, "details": dict(each.details)} for each in findings]
        anew = None if again is None else again.facts()
        print(json.dumps({**told(outcomes, gravest, figures), "recomputed": anew, "odd": odd}, ensure_ascii=False))
    else:
        show(outcomes, figures)
        if again is not None and again.volume is not None:
            out.print(say("check-recomputed", **{**again.facts(), "spacing_mm": f"{again.spacing_mm:g}"}), markup=False)
        tell_findings(findings)
    if gravest is not None:
        raise typer.Exit(EXIT_OF[gravest])


def _recomputing(engine: str | None, density_table: str | None, machine: Machine | None) -> Recomputing | None:
    """By what the dose is computed anew, if wished; raises Refusal `recomputing-not-whole` for a part of a wish."""
    if engine is None and density_table is None:
        return None
    if engine is None or density_table is None or machine is None:
        raise Refusal("recomputing-not-whole")
    from tianfu.apps.radiotherapy.model.transport.density_reading import table_findings
    from tianfu.apps.radiotherapy.queries.recomputing import Recomputing

    by = Recomputing(machine=machine, engine=named_engine(engine), table=named_table(density_table))
    tell_findings(table_findings(by.table))
    return by


def _recomputed(checked: Checked, by: Recomputing | None) -> Recomputed | None:
    if by is None:
        return None
    from tianfu.apps.radiotherapy.queries.recomputing import recomputed

    with bar() as tell:
        return recomputed(checked, by, counted=lambda done, total: tell(step_said("dose"), done, total))


def told(outcomes: Sequence[Outcome], gravest: Severity | None, figures: PlanComplexity | None) -> dict[str, Any]:
    """All outcomes as one JSON object, with the notice that they clear nothing."""
    return {
        "notice": say("notice"),
        "cleared_for_clinical_use": False,
        "worst": gravest,
        "rules": [
            {
                "id": one.rule.id,
                "severity": one.rule.severity,
                "topic": one.rule.topic,
                "evidence": one.rule.evidence,
                "mark": one.rule.mark,
                "verdict": one.verdict,
                "not_judged": one.reason,
                "faults": [{"where": dict(fault.where), "details": dict(fault.details)} for fault in one.faults],
            }
            for one in outcomes
        ],
        "complexity": None if figures is None else _complexity_told(figures),
    }


def _gravest(of_rules: Severity | None, findings: Iterable[Finding]) -> Severity | None:
    """The gravest of what rules find and of what reading the objects told: another patient's plan never ends with 0."""
    from tianfu.apps.radiotherapy.model.checking.rules import Severity

    said = {_severity(finding.code) for finding in findings} | ({of_rules} - {None})
    return next((severity for severity in Severity if severity in said), None)


def _severity(code: str) -> Severity:
    from tianfu.apps.radiotherapy.model.checking.rules import Severity

    if code in STOPPING:
        return Severity.STOP
    return Severity.WARNING if code in WARNING else Severity.NOTICE


def show(outcomes: Sequence[Outcome], figures: PlanComplexity | None) -> None:
    """Faults by severity in words, then what was not judged, then figures, then that nothing is cleared."""
    from tianfu.apps.radiotherapy.model.checking.rules import Severity, Verdict

    for severity in Severity:
        for one in (each for each in outcomes if each.faults and each.rule.severity is severity):
            _show_outcome(one)
    unjudged = [one for one in outcomes if one.reason is not None]
    if unjudged:
        out.print(say("check-not-judged"), style="bold", markup=False)
    for one in unjudged:
        out.print(f"  {say(f'rule-{one.rule.id}')} — {say(f'not-judged-{one.reason}')} ({one.rule.id})", markup=False)
    if figures is not None:
        _show_figures(figures)
    counts = {verdict: sum(one.verdict is verdict for one in outcomes) for verdict in Verdict}
    out.print(
        say(
            "check-summary",
            rules=len(outcomes),
            passed=counts[Verdict.PASSED],
            faults=counts[Verdict.FAULTS],
            unjudged=counts[Verdict.NOT_JUDGED],
        ),
        markup=False,
    )
    out.print(say("check-passed-is-no-clearance"), style="bold yellow", markup=False)


def _show_outcome(one: Outcome) -> None:
    name = one.rule.id
    out.print(f"{say(f'severity-{one.rule.severity}')} · {say(f'rule-{name}')} ({name})", style="bold", markup=False)
    for fault in one.faults:
        out.print(f"  {fault_said(fault)}", markup=False)
    out.print(f"  {say(f'rule-{name}-means')}", markup=False)
    out.print(f"  → {say(f'rule-{name}-advice')}", markup=False)


def fault_said(fault: Fault) -> str:
    """Where a fault is and its numbers, in words."""
    where = [say(f"check-place-{kind}", name=name) for kind, name in fault.where.items()]
    details = [say(f"check-detail-{name}", value=value) for name, value in fault.details.items()]
    return " · ".join([*where, *details]) or say("check-whole-plan")


def _figures(checked: Checked) -> PlanComplexity | None:
    from tianfu.apps.radiotherapy.model.checking.complexity import complexity_of
    from tianfu.apps.radiotherapy.model.checking.rules import NotJudgedError

    try:
        return complexity_of(checked)
    except NotJudgedError:
        return None


def _show_figures(figures: PlanComplexity) -> None:
    table = Table("", "MU", "MCS", "LSV", "AAV", "SAS 10 mm", "PI", "PM", title=say("check-complexity"))
    for name, one in [*figures.beams.items(), (say("check-whole-plan"), figures.plan)]:
        numbers = (one.mcs, one.lsv, one.aav, one.sas[2], one.irregularity, one.modulation)
        table.add_row(str(name), f"{one.mu:.1f}", *(f"{number:.3f}" for number in numbers))
    out.print(table)


def _complexity_told(figures: PlanComplexity) -> dict[str, Any]:
    return {
        "mu_per_gy": figures.mu_per_gy,
        "plan": _figure_told(figures.plan),
        "beams": {str(number): _figure_told(one) for number, one in figures.beams.items()},
    }


def _figure_told(one: Complexity) -> dict[str, Any]:
    from tianfu.apps.radiotherapy.model.checking.complexity import SMALL_MM

    return {
        "mu": one.mu,
        "mcs": one.mcs,
        "lsv": one.lsv,
        "aav": one.aav,
        "sas": {f"{limit:g} mm": score for limit, score in zip(SMALL_MM, one.sas, strict=True)},
        "pi": one.irregularity,
        "pm": one.modulation,
        "area_mm2": one.area_mm2,
    }
