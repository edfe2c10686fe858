"""`tianfu rt`: radiotherapy plans in folders and in kept cases.  How: docs/how-to/judge-a-plan.md"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import typer

from tianfu.commands_radiotherapy.checking import check_plan
from tianfu.commands_radiotherapy.contouring import contour_case
from tianfu.commands_radiotherapy.dosing import compute_dose
from tianfu.commands_radiotherapy.exporting import export_case
from tianfu.commands_radiotherapy.identity import deidentify_case, relink_case
from tianfu.commands_radiotherapy.importing import import_case, list_cases
from tianfu.commands_radiotherapy.judging import compare_plans, show_case, show_dvh, show_gamma, show_protocols
from tianfu.commands_radiotherapy.machine_commissioning import commission_machine
from tianfu.commands_radiotherapy.machine_signing import (
    make_signer_key,
    show_machine_file,
    sign_machine_file,
    verify_machine_file,
)
from tianfu.commands_radiotherapy.machines import machine_commands
from tianfu.commands_radiotherapy.planning import plan_case, show_templates
from tianfu.commands_radiotherapy.tables import show_tables

radiotherapy_commands = typer.Typer(
    no_args_is_help=True, help="Radiotherapy plans.  Not for clinical use until commissioned and registered."
)

COMMANDS: Mapping[str, Callable[..., None]] = {
    "import": import_case,
    "list": list_cases,
    "show": show_case,
    "dvh": show_dvh,
    "compare": compare_plans,
    "gamma": show_gamma,
    "protocols": show_protocols,
    "check": check_plan,
    "contour": contour_case,
    "templates": show_templates,
    "tables": show_tables,
    "plan": plan_case,
    "dose": compute_dose,
    "export": export_case,
    "deidentify": deidentify_case,
    "relink": relink_case,
}

MACHINE_COMMANDS: Mapping[str, Callable[..., None]] = {
    "show": show_machine_file,
    "commission": commission_machine,
    "key": make_signer_key,
    "sign": sign_machine_file,
    "verify": verify_machine_file,
}

for name, command in COMMANDS.items():
    radiotherapy_commands.command(name=name)(command)
for name, command in MACHINE_COMMANDS.items():
    machine_commands.command(name=name)(command)
radiotherapy_commands.add_typer(machine_commands, name="machine")
