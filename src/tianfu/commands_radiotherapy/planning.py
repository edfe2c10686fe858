"""`tianfu rt plan|templates`: a plan and its dose from a case, a template and a machine; for demonstrations alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import uuid4

import typer
from rich.table import Table

from tianfu.commands_radiotherapy import kept
from tianfu.commands_radiotherapy.folders import (
    read_bytes,
    read_folder,
    refuse_filled,
    whole_folder,
    write_file,
    write_readme,
)
from tianfu.commands_radiotherapy.house import Organisation, is_case
from tianfu.commands_radiotherapy.machines import MachineFile, chosen_machine, tell_notice
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
from tianfu.kernel.refusal import Refusal
from tianfu.terminal import out

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.model.planning.steps import Heard, Told
    from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish
    from tianfu.apps.radiotherapy.queries.plan_making import MadePlan
    from tianfu.apps.radiotherapy.queries.plan_objects import PlanMaking
    from tianfu.standards.dicom.cases import Case

PLAN_FILE: Final = "RP-demonstration.dcm"
DOSE_FILE: Final = "RD-demonstration.dcm"
SECOND_FILE: Final = "RD-demonstration-second.dcm"
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
    organisation: Organisation = None,
    as_json: AsJson = False,
) -> None:
    """Make a plan that the machine could give, with its dose, look it over by rules, and write both into a folder."""
    from tianfu.apps.radiotherapy.queries.plan_making import made_plan

    refuse_filled(into)
    wish, chosen = chosen_template(template), chosen_machine(machine)
    case = case_at(place, organisation)
    with bar() as tell:
        made = made_plan(case, wish, chosen, kept=None, heard=hearing(tell), making=_making())
    tell_findings(made.base.told)
    _write(made, wish, into)
    if as_json:
        print(json.dumps(_told(made, into), ensure_ascii=False))
    else:
        _show(made, into)
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


def _write(made: MadePlan, wish: PlanWish, into: Path) -> None:
    from tianfu.apps.radiotherapy.model.planning.templates import write_plan_wish
    from tianfu.standards.dicom.doses import write_dose
    from tianfu.standards.dicom.plans import write_plan

    objects = made.objects
    with whole_folder(into) as unfinished:
        write_file(unfinished / PLAN_FILE, write_plan(objects.plan))
        write_file(unfinished / DOSE_FILE, write_dose(objects.dose))
        if objects.second is not None:
            write_file(unfinished / SECOND_FILE, write_dose(objects.second))
        write_file(unfinished / TEMPLATE_FILE, write_plan_wish(wish))
        write_readme(unfinished, *(each.say("rt.planned-readme") for each in languages().values()))


def _told(made: MadePlan, into: Path) -> dict[str, Any]:
    objects, fields = made.objects, made.planned.fields
    second = objects.second
    return {
        "notice": say("notice"),
        "cleared_for_clinical_use": False,
        "demonstration_only": True,
        "folder": str(into),
        "plan": objects.plan.instance,
        "dose": objects.dose.instance,
        "second_dose": None if second is None else second.instance,
        "machine": objects.plan.beams[0].machine,
        "reached_gy": made.planned.reached_gy,
        "dose_gy_max": float(objects.dose.volume.values.max()),
        "setup_beams": 0,
        "beams": [
            {
                "number": fields[part.field].number,
                "gantry_degrees": fields[part.field].gantry_degrees,
                "segments": len(part.segments),
                "mu": round(part.mu, 6),
            }
            for part in made.planned.parts
        ],
        "faults": {
            str(severity): [one.rule.id for one in outcomes] for severity, outcomes in _by_severity(made).items()
        },
    }


def _by_severity(made: MadePlan) -> dict[str, list[Any]]:
    from tianfu.apps.radiotherapy.model.checking.rules import Severity

    return {
        severity: [one for one in made.outcomes if one.faults and one.rule.severity is severity]
        for severity in Severity
    }


def _show(made: MadePlan, into: Path) -> None:
    table = Table(*map(say, ("beam", "gantry", "segments", "mu")))
    for part in made.planned.parts:
        field = made.planned.fields[part.field]
        table.add_row(str(field.number), f"{field.gantry_degrees:g}°", str(len(part.segments)), f"{part.mu:.2f}")
    out.print(table, markup=False)
    for severity, outcomes in _by_severity(made).items():
        for one in outcomes:
            words = f"{say(f'severity-{severity}')} · {say(f'rule-{one.rule.id}')} ({one.rule.id})"
            out.print(words, markup=False)
    most = float(made.objects.dose.volume.values.max())
    told = say("planned", reached=f"{made.planned.reached_gy:.2f}", most=f"{most:.2f}", folder=str(into))
    out.print(told, markup=False)
    out.print(say("check-passed-is-no-clearance"), style="bold yellow", markup=False)
