"""`tianfu rt plan|dose|machine|tables|templates` as a physicist runs them: whole or not at all, for no patient."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from demo.radiotherapy.machines import exponential_beam
from demo.radiotherapy.objects import write_case, written
from pydicom.dataset import Dataset
from typer.testing import CliRunner

from tests.apps.radiotherapy.model.machines.test_kernels_mat import fields, mat_file
from tests.apps.radiotherapy.test_reading_once import OTHER_SERIES, OTHER_SET, two_series
from tests.radiotherapy_plan import (
    BESIDE_GOALS,
    IN_ORDER,
    clinic_table,
    phantom_table,
    small_case,
    small_machine,
    table_text,
    template,
)
from tests.radiotherapy_plan import TABLE as TABLE_PARTS
from tianfu.apps.radiotherapy.model.doses import Outside, resampled
from tianfu.apps.radiotherapy.model.machines.generic import generic_linac
from tianfu.apps.radiotherapy.model.machines.reading import read_machine
from tianfu.apps.radiotherapy.model.machines.writing import write_machine
from tianfu.apps.radiotherapy.model.planning.steps import StepName, Told
from tianfu.apps.radiotherapy.model.planning.templates import plan_wish_from
from tianfu.apps.radiotherapy.model.transport.density_tables import fingerprint_of_table, write_density_table
from tianfu.apps.radiotherapy.protocols import shipped_protocols
from tianfu.commands_radiotherapy import planning, radiotherapy_commands
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom import doses
from tianfu.standards.dicom.doses import Dose, read_dose, write_dose
from tianfu.standards.dicom.encoding import decode, encode
from tianfu.standards.dicom.plans import read_plan

BYTES_MAX = 1 << 26
TABLE = "TG-119 phantom"


def run(*words: object) -> Result:
    """The command in this process: to start the program for each takes longer than what it does."""
    return CliRunner().invoke(radiotherapy_commands, [*map(str, words)])


def refused(*words: object) -> Refusal:
    done = run(*words)
    assert isinstance(done.exception, Refusal), done.output
    return done.exception


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A case, a machine and a template as files."""
    place = tmp_path_factory.mktemp("plan")
    write_case(written(small_case()), place / "case")
    (place / "machine.json").write_bytes(write_machine(small_machine()))
    (place / "template.json").write_bytes(template())
    return place


def plan_words(desk: Path, into: Path) -> list[object]:
    machine, wish = desk / "machine.json", desk / "template.json"
    return ["plan", desk / "case", "--template", wish, "--machine", machine, "--out", into]


@pytest.fixture(scope="module")
def planned(desk: Path) -> Path:
    """The folder of a case with its plan, as `rt dose` and `rt check` take it."""
    done = run(*plan_words(desk, desk / "planned"))
    assert done.exit_code == 0, done.output
    write_case(written(small_case()), desk / "together")
    for file in (desk / "planned").glob("*.dcm"):
        (desk / "together" / file.name).write_bytes(file.read_bytes())
    return desk / "together"


@pytest.mark.slow  # compiles what a plan needs
def test_a_plan_and_its_dose_are_written_for_demonstration_beside_the_case(desk: Path) -> None:
    before = {file.name: file.read_bytes() for file in (desk / "case").iterdir()}
    done = run(*plan_words(desk, desk / "new"), "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["demonstration_only"] is True
    assert told["cleared_for_clinical_use"] is False
    assert told["faults"]["stop"] == ["plan-not-for-treatment"]
    assert told["reached_gy"] == pytest.approx(50.0, rel=0.001)
    assert "Not for clinical use" in done.stderr
    assert "set-up beams" in done.stderr
    plan = read_plan(decode((desk / "new" / "RP-demonstration.dcm").read_bytes(), bytes_max=BYTES_MAX)).value
    dose = dose_in(desk / "new")
    assert (plan.approval.status, plan.instance, dose.plan) == ("UNAPPROVED", told["plan"], told["plan"])
    assert [beam["mu"] for beam in told["beams"]] == [one.meterset for one in plan.fraction_groups[0].beams]
    assert plan_wish_from((desk / "new" / "template.json").read_bytes()) == plan_wish_from(template())
    assert {file.name for file in (desk / "new").iterdir()} == {
        "README.txt",
        "RD-demonstration.dcm",
        "RP-demonstration.dcm",
        "template.json",
    }
    assert {file.name: file.read_bytes() for file in (desk / "case").iterdir()} == before


@pytest.mark.slow  # a whole plan
def test_a_plan_by_goals_in_their_order_tells_what_each_was_held_at_and_reaches(desk: Path, tmp_path: Path) -> None:
    words = plan_words(desk, tmp_path / "out")
    words[3] = tmp_path / "ordered.json"
    (tmp_path / "ordered.json").write_bytes(template(in_order=IN_ORDER, objectives=BESIDE_GOALS))
    done = run(*words, "--json")
    assert done.exit_code == 0, done.output
    least, _, cord = json.loads(done.stdout)["goals_in_order"]
    assert (least["structure"], least["priority"], least["goal"]) == ("PTV_5000", 1, "D95% >= 50 Gy")
    # monitor units are those of the prescription, of which this goal is one
    assert least["reached"] == pytest.approx(50.0, rel=0.001)
    assert least["is_held"] is True
    assert cord["held"].startswith("D10% < ")
    words[-1] = tmp_path / "again"
    assert "Held at" in run(*words).output


def dose_in(folder: Path) -> Dose:
    content = (folder / "RD-demonstration.dcm").read_bytes()
    return read_dose(decode(content, bytes_max=BYTES_MAX), voxels_max=1 << 24).value


@pytest.mark.parametrize("step", ["influence", "fluence", "normalised", "checks"])
def test_ctrl_c_in_a_step_leaves_nothing(
    step: str, desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_tell: object) -> object:
        def heard(told: Told) -> bool:
            if told.step == step:
                raise KeyboardInterrupt
            return True

        return heard

    monkeypatch.setattr(planning, "hearing", interrupted)
    done = run(*plan_words(desk, tmp_path / "out"))
    assert done.exit_code == 130, done.output
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_files_are_written_leaves_nothing(
    desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_dose: Dose) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(doses, "write_dose", interrupted)
    done = run(*plan_words(desk, tmp_path / "out"))
    assert done.exit_code == 130, done.output
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(desk: Path, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    assert refused(*plan_words(desk, tmp_path)).code == "folder-not-empty"
    assert [file.name for file in tmp_path.iterdir()] == ["there"]


def test_neither_template_nor_machine_is_chosen_silently(desk: Path, tmp_path: Path) -> None:
    words = plan_words(desk, tmp_path / "out")
    assert run(*words[:2], *words[4:]).exit_code == 2
    assert run(*words[:4], *words[6:]).exit_code == 2
    unknown = ["plan", desk / "case", "--template", "mine", "--machine", desk / "machine.json", "--out", tmp_path]
    assert refused(*unknown).code == "template-unknown"
    (tmp_path / "other.json").write_bytes(template(machine__version=3))
    words[3] = tmp_path / "other.json"
    assert refused(*words).code == "plan-machine-differs"
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def several(desk: Path) -> Path:
    """The case with a second series of its images and a second set of its contours."""
    write_case(written(two_series()), desk / "several")
    return desk / "several"


@pytest.mark.parametrize(
    ("named", "code", "told"),
    [
        ([], "plan-images-not-named", OTHER_SERIES),
        (["--series", OTHER_SERIES], "plan-structures-not-named", OTHER_SET),
        (["--series", "2.25.1", "--structure-set", OTHER_SET], "images-not-there", "2.25.1"),
        (["--series", OTHER_SERIES, "--structure-set", "2.25.1"], "structures-not-there", "2.25.1"),
        (["--protocol", "mine"], "protocol-unknown", "mine"),
    ],
)
def test_of_several_images_and_contours_none_is_taken_unless_it_is_named(
    named: list[str], code: str, told: str, desk: Path, several: Path, tmp_path: Path
) -> None:
    words = plan_words(desk, tmp_path / "out")
    refusal = refused("plan", several, *words[2:], *named)
    assert refusal.code == code
    assert told in " ".join(refusal.details.values())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow  # a whole plan
def test_a_plan_is_made_on_the_named_images_and_contours_and_judged_by_the_named_protocol(
    desk: Path, several: Path, tmp_path: Path
) -> None:
    named = ["--series", OTHER_SERIES, "--structure-set", OTHER_SET, "--protocol", "tg119-c-shape-easier"]
    done = run("plan", several, *plan_words(desk, tmp_path / "out")[2:], *named, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    plan = read_plan(decode((tmp_path / "out" / "RP-demonstration.dcm").read_bytes(), bytes_max=BYTES_MAX)).value
    assert plan.structure_set == OTHER_SET
    assert told["protocol"] == "tg119-c-shape-easier"
    goals = shipped_protocols()["tg119-c-shape-easier"].goals
    assert sorted(line["goal"] for line in told["scorecard"]) == sorted(goal.goal for goal in goals)


@pytest.mark.slow  # a whole plan, and the kernels of the second engine
def test_the_dose_of_the_written_plan_is_computed_again_by_either_engine(planned: Path, tmp_path: Path) -> None:
    first = dose_in(planned)
    for engine, within in (("pencil-beam", 0.01), ("collapsed-cone", 0.05)):
        into = tmp_path / engine
        words = ["--machine", planned.parent / "machine.json", "--engine", engine, "--out", into, "--json"]
        done = run("dose", planned, *words, "--density-table", TABLE, "--spacing-mm", 6)
        assert done.exit_code == 0, done.output
        told, dose = json.loads(done.stdout), dose_in(into)
        assert (told["engine"], told["demonstration_only"], dose.plan) == (engine, True, first.plan)
        assert float(dose.volume.values.max()) == pytest.approx(float(first.volume.values.max()), rel=within)
        assert engine in dose.comment


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"--engine": "monte-carlo"}, "option-unknown"),
        ({"--density-table": "water"}, "density-table-unknown"),
        ({"--spacing-mm": "0.2"}, "dose-spacing-not-sound"),
        ({"--plan": "2.25.99"}, "plan-unclear"),
    ],
)
def test_no_dose_without_a_named_engine_density_and_grid(
    changed: dict[str, str], code: str, planned: Path, tmp_path: Path
) -> None:
    words = {
        "--machine": str(planned.parent / "machine.json"),
        "--engine": "pencil-beam",
        "--density-table": TABLE,
        "--spacing-mm": "6",
        "--out": str(tmp_path / "out"),
    }
    told = [word for pair in {**words, **changed}.items() for word in pair]
    assert refused("dose", planned, *told).code == code
    for left_out in ("--engine", "--density-table", "--spacing-mm", "--machine"):
        some = [word for pair in words.items() if pair[0] != left_out for word in pair]
        assert run("dose", planned, *some).exit_code == 2
    assert list(tmp_path.iterdir()) == []


CLINICS = {"name": "Made-up CT 120 kV", "version": 1}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with a clinic's table."""
    folder = tmp_path / "home" / "radiotherapy" / "density-tables"
    folder.mkdir(parents=True)
    (folder / "ct.json").write_bytes(table_text())
    monkeypatch.setenv("TIANFU_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def clinics_words(desk: Path, tmp_path: Path) -> list[object]:
    """A plan by a template that names the clinic's table, and what of it lies in files."""
    (tmp_path / "mine.json").write_bytes(template(computation__density_table=CLINICS))
    words = plan_words(desk, tmp_path / "out")
    words[3] = tmp_path / "mine.json"
    return words


def test_a_template_that_names_a_clinics_table_needs_its_file_and_no_other(desk: Path, tmp_path: Path) -> None:
    words = clinics_words(desk, tmp_path)
    assert refused(*words).code == "density-table-not-shipped"
    for changes, code in (
        ({"version": 2}, "density-table-differs"),
        ({"name": "another"}, "density-table-differs"),
        ({"name": "TG-119 phantom"}, "density-table-name-taken"),
        ({"pairs": []}, "density-table-not-pairs"),
    ):
        (tmp_path / "ct.json").write_bytes(table_text(**changes))
        assert refused(*words, "--density-table", tmp_path / "ct.json").code == code
    assert refused(*words, "--density-table", tmp_path / "none.json").code == "file-not-readable"
    assert not (tmp_path / "out").exists()


@pytest.mark.slow  # a whole plan
def test_a_plan_is_made_by_the_table_of_the_file_and_its_dose_by_the_installations(
    desk: Path, tmp_path: Path, home: Path
) -> None:
    words = clinics_words(desk, tmp_path)
    thin = [{**pair, "density": pair["density"] * 0.95} for pair in TABLE_PARTS["pairs"]]
    (tmp_path / "ct.json").write_bytes(table_text(pairs=thin))
    done = run(*words, "--density-table", tmp_path / "ct.json")
    assert done.exit_code == 0, done.output
    assert "Made up. Not for clinical use." in done.stderr
    assert "density-table-water-odd" in done.stderr
    write_case(written(small_case()), tmp_path / "case")
    for file in (tmp_path / "out").glob("RP*.dcm"):
        (tmp_path / "case" / file.name).write_bytes(file.read_bytes())
    told = []
    for table in ("Made-up CT 120 kV", home / "radiotherapy" / "density-tables" / "ct.json", tmp_path / "ct.json"):
        how = ("--machine", desk / "machine.json", "--engine", "pencil-beam", "--spacing-mm", 6)
        into = tmp_path / f"dose-{len(told)}"
        dosed = run("dose", tmp_path / "case", *how, "--density-table", table, "--out", into, "--json")
        assert dosed.exit_code == 0, dosed.output
        told.append(json.loads(dosed.stdout))
    assert {one["density_table"] for one in told} == {"Made-up CT 120 kV 1"}
    prints = [one["density_table_fingerprint"] for one in told]
    assert prints[0] == prints[1] == fingerprint_of_table(clinic_table()) != prints[2]
    assert told[0]["dose_gy_max"] == told[1]["dose_gy_max"] != told[2]["dose_gy_max"]


def test_known_tables_are_listed_with_air_and_water_and_one_is_printed_as_the_file_it_is(home: Path) -> None:
    (home / "radiotherapy" / "density-tables" / "spoilt.json").write_bytes(table_text(version=2, measured=None))
    listed = run("tables", "--json")
    assert listed.exit_code == 0, listed.output
    told = {(one["name"], one["version"]): one for one in json.loads(listed.stdout)["tables"]}
    assert set(told) == {("TG-119 phantom", 1), ("Made-up CT 120 kV", 1), ("Made-up CT 120 kV", 2)}
    mine = told["Made-up CT 120 kV", 1]
    assert (mine["density_of_air"], mine["density_of_water"], mine["refused"]) == (0.001, 1.0, None)
    assert mine["fingerprint"] == fingerprint_of_table(clinic_table())
    assert told["Made-up CT 120 kV", 2]["refused"] == "density-table-not-told"
    assert told["TG-119 phantom", 1]["file"] is None
    shown = run("tables")
    for words in ("TG-119", "0.027 / 1.004", "0.001 / 1.000", fingerprint_of_table(clinic_table())[:12]):
        assert words in shown.stdout
    assert "does not say which phantom was measured" in shown.stderr
    printed = run("tables", "TG-119 phantom")
    assert printed.stdout.encode() == write_density_table(phantom_table())
    assert refused("tables", "Made-up CT 120 kV").code == "density-table-version-unclear"
    assert refused("tables", "water").code == "density-table-unknown"


def test_a_plan_is_looked_over_with_the_machine_of_its_file(planned: Path) -> None:
    done = run("check", planned, "--machine", planned.parent / "machine.json", "--json")
    rules = {one["id"]: one for one in json.loads(done.stdout)["rules"]}
    assert done.exit_code == 12
    assert [name for name, one in rules.items() if one["faults"] and one["severity"] == "stop"] == [
        "plan-not-for-treatment"
    ]
    assert rules["leaf-gap-small"]["verdict"] == "passed"


RECOMPUTED = ("target-dose-unlike-recomputed", "dose-unlike-recomputed", "dose-far-from-recomputed")


def anew(place: Path, desk: Path, engine: str) -> list[object]:
    return ["check", place, "--machine", desk / "machine.json", "--engine", engine, "--density-table", TABLE]


def answered(place: Path, desk: Path, engine: str) -> dict[str, Any]:
    """All that is said of a plan whose dose is to be computed anew."""
    done = run(*anew(place, desk, engine), "--json")
    assert done.exit_code == 12, done.output
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def checked_anew(place: Path, desk: Path, engine: str) -> dict[str, dict[str, Any]]:
    """What the rules on a dose that is computed anew say."""
    rules = {one["id"]: one for one in answered(place, desk, engine)["rules"]}
    return {name: rules[name] for name in RECOMPUTED}


def with_object(planned: Path, into: Path, name: str, edit: Callable[[Dataset], None]) -> Path:
    """The same folder with one object otherwise, as if something had been mistyped after planning."""
    for file in planned.iterdir():
        (into / file.name).write_bytes(file.read_bytes())
    dataset = decode((into / name).read_bytes(), bytes_max=BYTES_MAX).dataset
    edit(dataset)
    (into / name).write_bytes(encode(dataset))
    return into


def with_units(planned: Path, into: Path, edit: Callable[[list[Dataset]], None]) -> Path:
    """The same folder with other monitor units."""
    plan = "RP-demonstration.dcm"
    return with_object(planned, into, plan, lambda one: edit(one.FractionGroupSequence[0].ReferencedBeamSequence))


def _half_of_one(beams: list[Dataset]) -> None:
    beams[0].BeamMeterset = str(float(beams[0].BeamMeterset) / 2)


def _half_of_all(beams: list[Dataset]) -> None:
    for beam in beams:
        beam.BeamMeterset = str(float(beam.BeamMeterset) / 2)


@pytest.mark.slow  # compiles both engines
@pytest.mark.parametrize("engine", ["pencil-beam", "collapsed-cone"])
def test_a_plans_dose_is_held_against_one_computed_anew_by_either_engine(
    engine: str, planned: Path, desk: Path, tmp_path: Path
) -> None:
    assert {one["verdict"] for one in checked_anew(planned, desk, engine).values()} == {"passed"}
    said = checked_anew(with_units(planned, tmp_path, _half_of_all), desk, engine)
    assert {one["verdict"] for one in said.values()} == {"faults"}
    (fault,) = said["target-dose-unlike-recomputed"]["faults"]
    found, expected = (float(fault["details"][name].removesuffix(" Gy")) for name in ("found", "expected"))
    assert found / expected == pytest.approx(2, abs=0.1)


def test_monitor_units_of_one_beam_halved_before_anything_was_given_are_told(
    planned: Path, desk: Path, tmp_path: Path
) -> None:
    said = checked_anew(with_units(planned, tmp_path, _half_of_one), desk, "pencil-beam")
    assert said["dose-unlike-recomputed"]["verdict"] == "faults"


def test_without_a_dose_there_is_nothing_to_compute_anew(planned: Path, desk: Path, tmp_path: Path) -> None:
    for file in planned.iterdir():
        if not file.name.startswith("RD"):
            (tmp_path / file.name).write_bytes(file.read_bytes())
    assert {one["not_judged"] for one in checked_anew(tmp_path, desk, "pencil-beam").values()} == {"no-dose"}


def test_a_report_says_by_what_the_dose_was_computed_anew(planned: Path, desk: Path) -> None:
    said = answered(planned, desk, "pencil-beam")["recomputed"]
    assert said == {
        "engine": "pencil-beam",
        "machine": "generic-6mv 1",
        "density_table": "TG-119 phantom 1",
        "density_table_fingerprint": fingerprint_of_table(phantom_table()),
        "spacing_mm": 3.0,
        "is_done": True,
    }
    shown = run(*anew(planned, desk, "pencil-beam"))
    assert "Computed anew by pencil-beam for generic-6mv 1, density by TG-119 phantom 1, every 3 mm." in shown.stdout
    done = run("check", planned, "--machine", desk / "machine.json", "--json")
    assert json.loads(done.stdout)["recomputed"] is None


def test_what_no_engine_computes_is_told_and_all_other_rules_are_judged(
    planned: Path, desk: Path, tmp_path: Path
) -> None:
    def of_another_patient(plan: Dataset) -> None:
        plan.PatientID = "another"

    answer = answered(with_object(planned, tmp_path, "RP-demonstration.dcm", of_another_patient), desk, "pencil-beam")
    assert {one["code"] for one in answer["odd"]} >= {"plan-not-recomputed", "case-mixed-patients"}
    assert answer["recomputed"]["is_done"] is False
    rules = {one["id"]: one for one in answer["rules"]}
    assert {rules[name]["not_judged"] for name in RECOMPUTED} == {"no-recomputed-dose"}
    assert rules["leaf-gap-small"]["verdict"] == "passed"


def test_metal_that_the_density_table_does_not_know_is_told_by_check_and_by_dose(
    planned: Path, desk: Path, tmp_path: Path
) -> None:
    def metal(image: Dataset) -> None:
        values = np.frombuffer(image.PixelData, np.dtype("<i2")).copy()
        middle = image.Rows // 2 * image.Columns + image.Columns // 2
        values[middle] = 9_000
        image.PixelData = values.tobytes()

    slices = sorted(file.name for file in planned.iterdir() if file.name.startswith("CT"))
    place = tmp_path / "with-metal"
    place.mkdir()
    with_object(planned, place, slices[len(slices) // 2], metal)
    assert "plan-beyond-density-table" in {one["code"] for one in answered(place, desk, "pencil-beam")["odd"]}
    words = ["--engine", "pencil-beam", "--density-table", TABLE, "--spacing-mm", "6", "--out", tmp_path / "out"]
    dosed = run("dose", place, "--machine", desk / "machine.json", *words)
    assert dosed.exit_code == 0, dosed.output
    assert "plan-beyond-density-table" in dosed.stderr


@pytest.mark.parametrize("spacing", [0.5, 11.0])
def test_a_dose_on_a_grid_that_none_is_computed_on_is_held_against_one_nevertheless(
    spacing: float, planned: Path, desk: Path, tmp_path: Path
) -> None:
    """Half a millimetre over the target, and eleven over the body: by the same engine both agree."""
    fine = dose_in(planned).volume
    half = np.array([10.0, 10.0, 5.0]) if spacing < 1 else (np.array(fine.grid.shape[::-1]) - 1) * fine.grid.spacing / 2
    shape = tuple(int(count) for count in (2 * half / spacing).astype(int)[::-1] + 1)
    middle = fine.grid.points((np.array(fine.grid.shape[::-1]) - 1) / 2)
    grid = replace(
        fine.grid, origin=middle - spacing * (np.array(shape[::-1]) - 1) / 2, spacing=np.full(3, spacing), shape=shape
    )
    sampled = resampled(fine, grid, outside=Outside.NAN)
    (tmp_path / "RD-demonstration.dcm").write_bytes(
        write_dose(replace(dose_in(planned), volume=replace(sampled, values=np.nan_to_num(sampled.values))))
    )
    for file in planned.iterdir():
        if not file.name.startswith("RD"):
            (tmp_path / file.name).write_bytes(file.read_bytes())
    assert not [one for one in checked_anew(tmp_path, desk, "pencil-beam").values() if one["faults"]]


@pytest.mark.parametrize("without", ["--machine", "--engine", "--density-table"])
def test_a_dose_is_computed_anew_with_all_that_it_needs_or_not_at_all(without: str, planned: Path, desk: Path) -> None:
    options: dict[str, object] = {
        "--machine": desk / "machine.json",
        "--engine": "pencil-beam",
        "--density-table": TABLE,
    }
    del options[without]
    words = [word for option in options.items() for word in option]
    assert refused("check", planned, *words).code == "recomputing-not-whole"


def test_an_unknown_engine_is_none(planned: Path, desk: Path) -> None:
    words = ["--machine", desk / "machine.json", "--engine", "monte-carlo", "--density-table", TABLE]
    assert refused("check", planned, *words).code == "option-unknown"


def test_limits_alone_are_no_machine(planned: Path, tmp_path: Path) -> None:
    (tmp_path / "limits.json").write_text('{"name": "", "jaws": []}')
    assert refused("check", planned, "--machine", tmp_path / "limits.json").code == "machine-not-understood"


def test_the_generic_machine_is_written_whole_once_and_says_that_it_is_for_no_patient(tmp_path: Path) -> None:
    (tmp_path / "kernels.mat").write_bytes(mat_file(fields(exponential_beam())))
    words = ["machine", "generic", "--kernels", tmp_path / "kernels.mat", "--out", tmp_path / "machine.json"]
    done = run(*words)
    assert done.exit_code == 0, done.output
    assert "Not for clinical use" in done.stderr
    content = (tmp_path / "machine.json").read_bytes()
    assert content == write_machine(generic_linac(exponential_beam()))
    assert read_machine(content).purpose == "demonstration"
    assert refused(*words).code == "file-already-there"
    assert {file.name for file in tmp_path.iterdir()} == {"kernels.mat", "machine.json"}
    assert refused(*words[:-1], tmp_path / "nowhere" / "machine.json").code == "file-not-writable"


def test_shipped_templates_are_listed_and_printed_to_be_edited() -> None:
    listed = run("templates")
    assert "tg119-c-shape" in listed.stdout
    printed = run("templates", "tg119-prostate")
    assert plan_wish_from(printed.stdout.encode()).prescription.dose_gy == 75.6
    assert refused("templates", "mine").code == "template-unknown"


def test_whoever_waits_reads_which_step_it_is_its_iteration_and_what_it_reached() -> None:
    seen: list[tuple[str, int, int]] = []
    heard = planning.hearing(lambda words, done, total: seen.append((words, done, total)))
    assert heard(Told(step=StepName.FLUENCE, done=3, total=80, objective=12.348))
    assert heard(Told(step=StepName.DOSE, done=2, total=9))
    assert heard(Told(step=StepName.INFLUENCE))
    assert seen == [
        ("Optimising fluence · iteration 3 · objective 12.35", 3, 80),
        ("Computing dose", 2, 9),
        ("Computing doses of beamlets", 0, 1),
    ]
