"""`tianfu rt dose`: the dose of a plan that is there, by the engine that is named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tianfu.commands_radiotherapy import kept
from tianfu.commands_radiotherapy.folders import refuse_filled, whole_folder, write_file, write_readme
from tianfu.commands_radiotherapy.house import Organisation, is_case
from tianfu.commands_radiotherapy.machines import MachineFile, chosen_machine
from tianfu.commands_radiotherapy.planning import AsJson, Into, Place, case_at, new_uid
from tianfu.commands_radiotherapy.speaking import bar, hint, languages, say, spoken, step_said, tell_findings
from tianfu.commands_radiotherapy.tables import named_table
from tianfu.kernel.refusal import Refusal
from tianfu.terminal import out

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.model.planning.engines import Engine

DOSE_FILE: Final = "RD-demonstration.dcm"


@spoken
def compute_dose(
    place: Place,
    machine: MachineFile,
    engine: Annotated[str, typer.Option("--engine", help="pencil-beam or collapsed-cone")],
    density_table: Annotated[str, typer.Option("--density-table", help="a density table, by name or a file")],
    spacing_mm: Annotated[float, typer.Option("--spacing-mm", help="of the dose's grid")],
    into: Into,
    plan: Annotated[
        str | None, typer.Option("--plan", help="SOP Instance UID of the plan, where there are several")
    ] = None,
    organisation: Organisation = None,
    as_json: AsJson = False,
) -> None:
    """Compute the dose of a step-and-shoot plan of a case; neither engine nor density nor grid is assumed."""
    from tianfu.apps.radiotherapy.model.transport.density_reading import table_findings
    from tianfu.apps.radiotherapy.model.transport.density_tables import fingerprint_of_table
    from tianfu.apps.radiotherapy.queries.plan_doses import computing, dose_of_plan, plan_named
    from tianfu.apps.radiotherapy.queries.plan_objects import dose_object
    from tianfu.standards.dicom.doses import write_dose

    refuse_filled(into)
    named, chosen = named_engine(engine), chosen_machine(machine)
    table = named_table(density_table)
    tell_findings(table_findings(table))
    how = computing(chosen, table, spacing_mm=spacing_mm)
    case = case_at(place, organisation)
    found = plan_named(case, plan)
    with bar() as tell:
        made = dose_of_plan(
            case, found, chosen, how=how, engine=named, counted=lambda done, total: tell(step_said("dose"), done, total)
        )
    tell_findings(made.told)
    volume = made.volume
    dose = dose_object(found.header, volume, series=new_uid(), instance=new_uid(), plan=found.instance, engine=named)
    if is_case(place):
        kept.tell_export(place, organisation)
    with whole_folder(into) as unfinished:
        write_file(unfinished / DOSE_FILE, write_dose(dose))
        write_readme(unfinished, *(each.say("rt.dosed-readme") for each in languages().values()))
    most = float(volume.values.max())
    if as_json:
        told = {
            "notice": say("notice"),
            "demonstration_only": True,
            "engine": named,
            "density_table": f"{table.name} {table.version}",
            "density_table_fingerprint": fingerprint_of_table(table),
            "spacing_mm": spacing_mm,
            "plan": found.instance,
            "dose": dose.instance,
            "dose_gy_max": most,
            "file": str(into / DOSE_FILE),
        }
        print(json.dumps(told, ensure_ascii=False))
    else:
        out.print(say("dosed", engine=named, most=f"{most:.2f}", file=str(into / DOSE_FILE)), markup=False)
    hint("plan-demonstration-only")


def named_engine(typed: str) -> Engine:
    """The engine that is meant; raises Refusal `option-unknown`."""
    from tianfu.apps.radiotherapy.model.planning.engines import ENGINES

    for engine in ENGINES:
        if engine == typed:
            return engine
    raise Refusal("option-unknown", details={"given": typed, "known": ", ".join(ENGINES)})
