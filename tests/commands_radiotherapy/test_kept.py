"""Kept cases at the terminal: shown, judged once, compared, exported as they were delivered."""

from __future__ import annotations

import hashlib
import json
import signal
import stat
from collections.abc import Iterable
from pathlib import Path

import pytest
from demo.radiotherapy.objects import Kind

from tests.commands_radiotherapy.conftest import Kept
from tests.commands_radiotherapy.terminal import Terminal, ended, written
from tests.commands_radiotherapy.test_folders import GAMMA, NOTICE
from tests.radiotherapy_house import second_dose, small_objects
from tests.radiotherapy_plan import clinic_table, small_machine, small_wish, table_text, template
from tests.radiotherapy_plan_works import small_contents
from tianfu.access.caller import OPERATOR
from tianfu.apps.radiotherapy.model.machines.writing import write_machine
from tianfu.apps.radiotherapy.model.transport.density_tables import fingerprint_of_table
from tianfu.apps.radiotherapy.results import NOT_CLEARED
from tianfu.standards.dicom.encoding import decode
from tianfu.standards.dicom.plans import read_plan

pytestmark = pytest.mark.slow  # each starts the program, which loads its compiled kernels

CHINESE_NOTICE = "未经验收和注册，不得用于临床。"
NAME = "示例^演示11"
PROTOCOL = ("--protocol", "tg119-c-shape-easier")


def test_a_kept_case_is_listed_and_shown_as_its_folder_is(terminal: Terminal, kept: Kept) -> None:
    listed = terminal.rt("list")
    assert kept.id in listed.stdout
    assert NOTICE in listed.stderr
    shown, from_folder = terminal.told("show", kept.id), terminal.told("show", kept.folder)
    assert shown["notice"] == NOTICE
    for key in ("images", "structure_sets", "plans", "treatments"):
        assert shown[key] == from_folder[key]
    assert {each["instance"] for each in shown["doses"]} == set(kept.doses)


def test_a_dose_is_judged_as_in_its_folder_and_only_once(terminal: Terminal, kept: Kept) -> None:
    words = ("--dose", kept.doses[0], *PROTOCOL, "--json")
    first, again = terminal.rt("dvh", kept.id, *words), terminal.rt("dvh", kept.id, *words)
    assert (first.returncode, again.returncode) == (0, 0), first.stderr
    assert "Kept as" in first.stderr
    assert "Kept from" in again.stderr
    assert again.stdout == first.stdout
    told, from_folder = json.loads(first.stdout), terminal.told("dvh", kept.folder, *words[:-1])
    assert told["provenance"].pop("notice") == NOT_CLEARED
    assert told["provenance"]["code_version"] == from_folder["provenance"]["code_version"]
    assert len(told["provenance"]["inputs"]) == len(from_folder["provenance"]["inputs"])
    for key in ("notice", "dose", "plan", "prescription_gy", "structures", "scorecard"):
        assert told[key] == from_folder[key]


def test_a_dose_that_is_not_named_is_not_guessed(terminal: Terminal, kept: Kept) -> None:
    for words in ((), ("--dose", "2.25.1")):
        refused = terminal.rt("dvh", kept.id, *words)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert all(each in refused.stderr for each in ("dose-unclear", *kept.doses))


def test_two_doses_of_a_case_are_compared_as_those_of_two_folders(
    terminal: Terminal, kept: Kept, tmp_path: Path
) -> None:
    doses = ("--reference", kept.doses[0], "--evaluated", kept.doses[1])
    found = terminal.told("gamma", kept.id, *doses, *GAMMA)
    assert (found["notice"], found["reference"], found["evaluated"]) == (NOTICE, *kept.doses)
    contents = (small_objects().of(Kind.DOSE)[0], second_dose())
    files = [written(tmp_path / name, [content]) for name, content in zip(("r", "e"), contents, strict=True)]
    from_folders = terminal.told("gamma", *files, *GAMMA)
    for each in ("provenance", "reference", "evaluated"):
        found.pop(each), from_folders.pop(each)
    assert found == from_folders
    assert 0 < found["pass_percent"] < 100
    same = terminal.rt("gamma", kept.id, "--reference", kept.doses[0], *GAMMA)
    assert (same.returncode, "two-needed" in same.stderr) == (2, True)
    compared = terminal.told("compare", kept.id, "--first", kept.doses[0], "--second", kept.doses[1], *PROTOCOL)
    assert [compared[each]["dose"] for each in ("first", "second")] == list(kept.doses)
    assert compared["lines"]
    assert compared["notice"] == NOTICE


def test_what_is_left_to_the_workers_is_answered_when_asked_again(terminal: Terminal, kept: Kept) -> None:
    words = ("dvh", kept.id, "--dose", kept.doses[1])
    left = terminal.rt(*words, "--leave")
    assert (left.returncode, left.stdout) == (0, "")
    (work,) = [row[0] for row in terminal.rows("select work from work where state = 'waiting'")]
    assert str(work) in left.stderr
    done = terminal.rt(*words)
    assert (done.returncode, f"Kept as work {work}" in done.stderr) == (0, True), done.stderr


def test_an_export_has_the_bytes_that_were_delivered_and_says_where_results_come_from(
    terminal: Terminal, kept: Kept, tmp_path: Path
) -> None:
    terminal.told("dvh", kept.id, "--dose", kept.doses[0], *PROTOCOL)
    folder = tmp_path / "out"
    done = terminal.rt("export", kept.id, folder)
    assert done.returncode == 0, done.stderr
    sent = sorted(each.read_bytes() for each in kept.folder.iterdir())
    assert sorted(each.read_bytes() for each in folder.glob("*.dcm")) == sent
    provenance = json.loads((folder / "provenance.json").read_text("utf-8"))
    for each in provenance["objects"]:
        content = (folder / each["file"]).read_bytes()
        assert (each["sha256"], each["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
        assert decode(content, bytes_max=1 << 28).dataset.SOPInstanceUID == each["instance"]
    documents = {each["document"] for each in provenance["objects"]}
    assert provenance["results"]
    for each in provenance["results"]:
        result = json.loads((folder / each["file"]).read_text("utf-8"))
        assert result["notice"] == provenance["notice"] == {"en": NOTICE, "zh-CN": CHINESE_NOTICE}
        assert set(result["result"]["provenance"]["inputs"]) == documents
        assert each["is_of_these_objects"]
    readme = (folder / "README.txt").read_text("utf-8")
    assert NOTICE in readme
    assert CHINESE_NOTICE in readme
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [each.name for each in tmp_path.iterdir()] == ["out"], "nothing unfinished is left"
    exported = "select caller from audit where interaction = 'export-imaging-case' and query like '%%' || %s || '%%'"
    assert terminal.rows(exported, kept.id) == [(OPERATOR.id,)]
    assert terminal.told("show", folder)["plans"], "the folder is a case again"


def test_an_export_goes_into_no_filled_folder_and_takes_only_results_of_its_case(
    terminal: Terminal, kept: Kept, tmp_path: Path
) -> None:
    (tmp_path / "filled").mkdir()
    (tmp_path / "filled" / "mine").write_text("mine")
    refused = terminal.rt("export", kept.id, tmp_path / "filled")
    assert (refused.returncode, "folder-not-empty" in refused.stderr) == (2, True)
    unknown = terminal.rt("export", kept.id, tmp_path / "new", "--result", "made-up")
    assert (unknown.returncode, "work-unknown" in unknown.stderr) == (2, True)
    assert [each.name for each in tmp_path.rglob("*")] == ["filled", "mine"]


def test_identity_goes_and_comes_back(terminal: Terminal, kept: Kept, tmp_path: Path) -> None:
    out, back, key, links = (tmp_path / name for name in ("out", "back", "key", "links"))
    ways = ("--key-file", key, "--links", links)
    done = terminal.rt("deidentify", kept.id, out, *ways)
    assert done.returncode == 0, done.stderr
    hidden = [each.read_bytes() for each in out.glob("*.dcm")]
    assert not any(NAME.encode() in each or b"DEMO-00011" in each for each in hidden)
    assert NOTICE in (out / "README.txt").read_text("utf-8")
    again = terminal.rt("relink", out, back, *ways)
    assert again.returncode == 0, again.stderr
    assert said_of(back.glob("*.dcm")) == said_of(kept.folder.iterdir())
    (tmp_path / "other").write_bytes(b"k" * 32)
    (tmp_path / "other").chmod(0o600)
    wrong = terminal.rt("relink", out, tmp_path / "wrong", "--key-file", tmp_path / "other", "--links", links)
    assert (wrong.returncode, "relink-other-key" in wrong.stderr) == (2, True)
    assert not (tmp_path / "wrong").exists()


def said_of(files: Iterable[Path]) -> dict[str, tuple[str, ...]]:
    """What objects say of their patient, by SOP Instance UID; pixels too."""
    said = {}
    for file in files:
        dataset = decode(file.read_bytes(), bytes_max=1 << 28).dataset
        names = ("PatientName", "PatientID", "PatientBirthDate", "StudyInstanceUID", "StudyDate", "FrameOfReferenceUID")
        rois = tuple(str(each.ROIName) for each in dataset.get("StructureSetROISequence", ()))
        pixels = hashlib.sha256(dataset.get("PixelData", b"")).hexdigest()
        said[str(dataset.SOPInstanceUID)] = (*(str(dataset.get(name)) for name in names), *rois, pixels)
    return said


def test_a_case_that_is_not_there_and_one_of_another_organisation_are_the_same(terminal: Terminal, kept: Kept) -> None:
    for words in ((kept.id[:-1] + ("0" if kept.id[-1] != "0" else "1"),), (kept.id, "--organisation", "elsewhere")):
        refused = terminal.rt("show", *words)
        assert (refused.returncode, "case-unknown" in refused.stderr) == (2, True)


def test_ctrl_c_gives_a_work_up_and_asking_again_begins_anew(terminal: Terminal, kept: Kept) -> None:
    """Signalled once the work stands there: kernels are loaded for a second or more before it can end."""
    words = ("dvh", kept.id, "--dose", kept.doses[0], "--protocol", "tg119-multi-target")
    process = terminal.begun(*words)
    terminal.wait_for("select count(*) from work where state in ('waiting', 'running')", lambda count: count == 1)
    process.send_signal(signal.SIGINT)
    broken_off = ended(process)
    assert (broken_off.returncode, broken_off.stdout) == (130, ""), broken_off.stderr
    assert "Given up" in broken_off.stderr
    assert "Traceback" not in broken_off.stderr
    assert terminal.rows("select kind from work where state = 'cancelled'") == [("radiotherapy-evaluate",)]
    done = terminal.rt(*words)
    assert done.returncode == 0, done.stderr
    assert "SpinalCord" in done.stdout


def test_a_kept_case_is_planned_by_a_work_that_is_kept_and_its_objects_are_written(
    terminal: Terminal, tmp_path: Path
) -> None:
    case = terminal.imported(written(tmp_path / "sent", small_contents()))
    (tmp_path / "machine.json").write_bytes(write_machine(small_machine()))
    named = {"name": "Made-up CT 120 kV", "version": 1}
    (tmp_path / "template.json").write_bytes(template(computation__density_table=named))
    (tmp_path / "ct.json").write_bytes(table_text())
    words = ("--template", tmp_path / "template.json", "--machine", tmp_path / "machine.json")
    words = (*words, "--density-table", tmp_path / "ct.json")
    done = terminal.rt("plan", case, *words, "--out", tmp_path / "out", "--json")
    assert done.returncode == 0, done.stderr
    prints = "select arguments::jsonb->>'density_table_fingerprint' from work where kind = 'radiotherapy-plan'"
    assert terminal.rows(prints) == [(fingerprint_of_table(clinic_table()),)]
    for sentence in ("Kept as", "Demonstration only", "set-up beams"):
        assert sentence in done.stderr
    told = json.loads(done.stdout)
    assert told["faults"]["stop"] == ["plan-not-for-treatment"]
    assert told["reached_gy"] == pytest.approx(50.0, rel=0.001)
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "README.txt",
        "RD-demonstration.dcm",
        "RP-demonstration.dcm",
        "template.json",
    }
    deeds = "select interaction from audit where query like '%%' || %s || '%%' and interaction like '%%-imaging-%%'"
    assert sorted(row[0] for row in terminal.rows(deeds, case) if row[0] != "take-in-imaging-case") == [
        "ask-imaging-plan",
        "export-imaging-case",
        "open-imaging-case",
    ]
    sent = [*small_contents(), (tmp_path / "out" / "RP-demonstration.dcm").read_bytes()]
    planned = terminal.imported(written(tmp_path / "planned", sent))
    table = small_wish().computation.density_table.name
    how = ("--engine", "pencil-beam", "--density-table", table, "--spacing-mm", "6")
    dosed = terminal.rt("dose", planned, "--machine", tmp_path / "machine.json", *how, "--out", tmp_path / "dose")
    assert dosed.returncode == 0, dosed.stderr
    assert "export-imaging-case" in {row[0] for row in terminal.rows(deeds, planned)}
    plan = read_plan(decode((tmp_path / "out" / "RP-demonstration.dcm").read_bytes(), bytes_max=1 << 26)).value
    assert (plan.instance, plan.approval.status) == (told["plan"], "UNAPPROVED")
    assert [beam["mu"] for beam in told["beams"]] == [one.meterset for one in plan.fraction_groups[0].beams]
