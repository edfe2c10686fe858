"""The made-up machine: a file as any other, on which whoever tries the demonstration may plan."""

from __future__ import annotations

from pathlib import Path

import msgspec
from demo.radiotherapy.machines import made_machine
from demo.radiotherapy.showing import BYTES_MAX, VOXELS_MAX, show_machine, shown_cases

from tianfu.apps.radiotherapy.density_tables import shipped_density_table
from tianfu.apps.radiotherapy.machine_files import FOLDER, MachineFiles
from tianfu.apps.radiotherapy.model.planning.wishes import Version
from tianfu.apps.radiotherapy.model.transport.density_tables import write_density_table
from tianfu.apps.radiotherapy.plan_asking import PlanChoice, refuse_unless_plannable
from tianfu.apps.radiotherapy.templates import shipped_templates
from tianfu.standards.dicom.cases import read_case


def test_a_template_that_comes_along_can_be_planned_on_a_case_and_a_machine_that_are_shown(tmp_path: Path) -> None:
    show_machine(tmp_path)
    machine = MachineFiles(tmp_path / FOLDER).endorsed("made-up-6mv", 1)
    case = read_case(shown_cases()[0], bytes_max=BYTES_MAX, voxels_max=VOXELS_MAX).value
    template = shipped_templates()["tg119-head-and-neck"]
    text = msgspec.json.encode(template).replace(b'"PTV"', b'"PTV_5000"')
    wish = msgspec.structs.replace(
        msgspec.json.decode(text, type=type(template)), machine=Version(name="made-up-6mv", version=1)
    )
    choice = PlanChoice(
        wish=wish,
        machine=machine,
        density_table=write_density_table(shipped_density_table("TG-119 phantom", 1)),
        structure_set=None,
        images=None,
        protocol=None,
    )
    found, _ = refuse_unless_plannable(case, choice)
    assert found.beam.energy_mv == made_machine().beam.energy_mv


def test_a_folder_that_somebody_filled_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir(parents=True)
    show_machine(tmp_path)
    assert MachineFiles(tmp_path / FOLDER).all() == ()
