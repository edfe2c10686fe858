"""`tianfu rt plan|templates`: a plan and its dose from a case, a template and a machine; for demonstrations alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import uuid4

import msgspec
import typer
from rich.table import Table

from tianfu.commands_radiotherapy import kept
from tianfu.commands_radiotherapy.choosing import Named, SeriesName, StructureSetName, named_in
from tianfu.commands_radiotherapy.folders import (
    read_bytes,
    read_folder,
    refuse_filled,
    whole_folder,
    write_file,
    write_readme,
)
from tianfu.commands_radiotherapy.house import Organisation, is_case
from tianfu.commands_radiotherapy.judging import ProtocolName, chosen_protocol
from tianfu.commands_radiotherapy.machines import MachineFile, chosen_machine, tell_notice
from tianfu.commands_radiotherapy.plans_said import SaidPlan, said_of, said_of_result
from tianfu.commands_radiotherapy.speaking import (
    Tell,
    bar,
    hint,
    language,
    languages,
    say,
    spoken,
    step_said,
    tell_findings,
)
from tianfu.commands_radiotherapy.tables import TableFile, table_for
from tianfu.commands_radiotherapy.telling import line_told, show_scorecard
from tianfu.commands_radiotherapy.waiting import Leave
from tianfu.kernel.refusal import Refusal
from tianfu.terminal import out

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.model.machines.machines import Machine
    from tianfu.apps.radiotherapy.model.planning.steps import Heard, Told
    from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish
    from tianfu.apps.radiotherapy.plan_results import GoalResult
    from tianfu.apps.radiotherapy.queries.plan_making import MadePlan
    from tianfu.apps.radiotherapy.queries.plan_objects import PlanMaking
    from tianfu.apps.radiotherapy.results import LineResult
    from tianfu.standards.dicom.cases import Case

FILES: Final = {
    "plan": "RP-demonstration.dcm",
    "dose": "RD-demonstration.dcm",
    "second-dose": "RD-demonstration-second.dcm",
}
TEMPLATE_FILE: Final = "template.json"

Place = Annotated[str, typer.Argument(help="the id of a kept case, or a folder with the DICOM files of one case")]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]
Into = Annotated[Path, typer.Option("--out", help="a new or empty folder")]


@spoken
def plan_case(
    place: Place,
    template: Annotated[str, typer.Option("--template", help="a planning template: a file, or a name of ours")],
    machine: MachineFile,
    into: Into,
    density_table: TableFile = None,
    structure_set: StructureSetName = None,
    series: SeriesName = None,
    protocol: ProtocolName = None,
    organisation: Organisation = None,
    leave: Leave = False,
    as_json: AsJson = False,
) -> None:
    """Make a plan that the machine could give, with its dose, look it over by rules, and write both into a folder."""
    refuse_filled(into)
    wish, chosen = chosen_template(template), chosen_machine(machine)
    judging = None if protocol is None else chosen_protocol(protocol)
    named = Named(structure_set=structure_set, series=series, protocol=judging)
    ordered = kept.Ordered(wish=wish, machine=machine, table=table_for(wish, density_table), named=named)
    if is_case(place):
        result, contents = kept.plan(place, organisation, ordered, leave=leave)
        tell_findings(result.odd)
        said = said_of_result(result)
    else:
        case = named_in(case_at(place, organisation), named)
        with bar() as tell:
            made, lines = _made(case, ordered, chosen, tell)
        tell_findings(made.told)
        said, contents = said_of(made, lines), _contents(made)
    _write(contents, wish, into)
    if as_json:
        print(json.dumps({**_told(said, into), "protocol": protocol}, ensure_ascii=False))
    else:
        _show(said, into)
    hint("plan-without-setup-beams")
    hint("plan-demonstration-only")


@spoken
def show_templates(
    name: Annotated[str | None, typer.Argument(help="print this template, to be edited")] = None,
) -> None:
    """The planning templates that come with the program, or one of them as the file that it is."""
    from tianfu.apps.radiotherapy.model.planning.templates import write_plan_wish
    from tianfu.apps.radiotherapy.templates import shipped_templates

    if name is not None:
        print(write_plan_wish(chosen_template(name)).decode(), end="")
        return
    table = Table(*map(say, ("template", "title", "marks")))
    for each, wish in shipped_templates().items():
        marks = ", ".join(sorted({known.mark for known in wish.known}))
        table.add_row(each, wish.title.get(language().tag, each), marks)
    out.print(table, markup=False)


def chosen_template(name: str) -> PlanWish:
    """A template by its name or from a file; says what must be known of it.

    Raises Refusal `template-unknown`, or those of `plan_wish_from`.
    """
    from tianfu.apps.radiotherapy.model.planning.templates import plan_wish_from
    from tianfu.apps.radiotherapy.templates import shipped_templates

    shipped = shipped_templates()
    if name not in shipped and not Path(name).is_file():
        raise Refusal("template-unknown", details={"template": name, "known": ", ".join(shipped)})
    wish = plan_wish_from(read_bytes(Path(name))) if Path(name).is_file() else shipped[name]
    tell_notice(wish.notice)
    return wish


def case_at(place: str, organisation: str | None) -> Case:
    """The case that is meant, and what is odd about it told."""
    if is_case(place):
        reading = kept.read(place, organisation)
    else:
        with bar() as tell:
            reading, _ = read_folder(Path(place), tell)
    tell_findings(reading.findings)
    return reading.value


def hearing(tell: Tell) -> Heard:
    """What moves the bar: each step, its iterations and what they reach.  Ctrl-C ends it by its own exception."""

    def heard(told: Told) -> bool:
        words = step_said(told.step)
        if told.objective is not None:
            if told.level is not None:
                words = say("planning-level", step=words, level=told.level.number, levels=told.level.count)
            words = say("planning-iteration", step=words, iteration=told.done, objective=f"{told.objective:.2f}")
        tell(words, told.done, told.total or max(told.done, 1))
        return True

    return heard


def new_uid() -> str:
    """A UID from a random UUID (PS3.5 B.2)."""
    return f"2.25.{uuid4().int}"


def _making() -> PlanMaking:
    from tianfu.apps.radiotherapy.queries.plan_objects import PlanMaking

    return PlanMaking(
        plan_series=new_uid(),
        plan=new_uid(),
        dose_series=new_uid(),
        dose=new_uid(),
        second=new_uid(),
        at=datetime.now(UTC).astimezone(),
    )


def _made(case: Case, ordered: kept.Ordered, machine: Machine, tell: Tell) -> tuple[MadePlan, tuple[LineResult, ...]]:
    """The plan, and the lines of the protocol if one judges it."""
    from tianfu.apps.radiotherapy.made_results import line_result
    from tianfu.apps.radiotherapy.queries.plan_making import judged_plan

    made, lines = judged_plan(
        case,
        ordered.wish,
        machine,
        ordered.table,
        protocol=ordered.named.protocol,
        heard=hearing(tell),
        making=_making(),
    )
    return made, tuple(map(line_result, lines))


def _contents(made: MadePlan) -> dict[str, bytes]:
    """The objects as files, by what they are."""
    from tianfu.standards.dicom.doses import write_dose
    from tianfu.standards.dicom.plans import write_plan

    objects = made.objects
    doses = {"dose": objects.dose} | ({} if objects.second is None else {"second-dose": objects.second})
    return {"plan": write_plan(objects.plan), **{kind: write_dose(dose) for kind, dose in doses.items()}}


def _write(contents: Mapping[str, bytes], wish: PlanWish, into: Path) -> None:
    from tianfu.apps.radiotherapy.model.planning.templates import write_plan_wish

    with whole_folder(into) as unfinished:
        for kind, content in contents.items():
            write_file(unfinished / FILES[kind], content)
        write_file(unfinished / TEMPLATE_FILE, write_plan_wish(wish))
        write_readme(unfinished, *(each.say("rt.planned-readme") for each in languages().values()))


def _told(said: SaidPlan, into: Path) -> dict[str, Any]:
    return {
        "notice": say("notice"),
        "cleared_for_clinical_use": False,
        "demonstration_only": True,
        "folder": str(into),
        "plan": said.instances["plan"],
        "dose": said.instances["dose"],
        "second_dose": said.instances.get("second-dose"),
        "machine": said.machine,
        "reached_gy": said.reached_gy,
        "dose_gy_max": said.dose_gy_max,
        "setup_beams": 0,
        "beams": [asdict(beam) for beam in said.beams],
        "faults": {severity: list(rules) for severity, rules in said.faults.items()},
        "scorecard": [line_told(line) for line in said.lines],
        "goals_in_order": [msgspec.to_builtins(goal) for goal in said.in_order],
    }


def _show(said: SaidPlan, into: Path) -> None:
    table = Table(*map(say, ("beam", "gantry", "segments", "mu")))
    for beam in said.beams:
        table.add_row(str(beam.number), f"{beam.gantry_degrees:g}°", str(beam.segments), f"{beam.mu:.2f}")
    out.print(table, markup=False)
    if said.in_order:
        out.print(_goals(said.in_order), markup=False)
    for severity, rules in said.faults.items():
        for rule in rules:
            out.print(f"{say(f'severity-{severity}')} · {say(f'rule-{rule}')} ({rule})", markup=False)
    if said.lines:
        show_scorecard(said.lines)
    reached, most = f"{said.reached_gy:.2f}", f"{said.dose_gy_max:.2f}"
    out.print(say("planned", reached=reached, most=most, folder=str(into)), markup=False)
    out.print(say("check-passed-is-no-clearance"), style="bold yellow", markup=False)


def _goals(served: tuple[GoalResult, ...]) -> Table:
    """Goals in the order in which they were served: what each was held at, and what the plan's dose reaches."""
    table = Table(*map(say, ("priority", "structure", "goal", "goal-held", "reached", "goal-stands")))
    for goal in served:
        reached = "–" if goal.reached is None else f"{goal.reached:.2f} {goal.unit}"
        stands = say("goal-is-held" if goal.is_held else "goal-is-not-held")
        table.add_row(str(goal.priority), goal.structure, goal.goal, goal.held, reached, stands)
    return table
