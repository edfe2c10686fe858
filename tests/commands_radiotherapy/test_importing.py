"""Folders become cases whole or not at all, whatever breaks off, and what arrived is not sent twice."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.commands_radiotherapy.terminal import CHINESE, Terminal, ended, written
from tests.radiotherapy_house import HOSPITAL, OTHER, small_objects

pytestmark = pytest.mark.slow  # each starts the program, which opens the trail and the keys

HERE = ("--organisation", HOSPITAL)
ARRIVED = "select count(*) from imaging_arrival"


@pytest.fixture(autouse=True)
def nothing_on_its_way(terminal: Terminal) -> None:
    assert terminal.rows(ARRIVED) == [(0,)]


def delivery_of(terminal: Terminal) -> str:
    """The only one that is on its way."""
    (row,) = terminal.told("list", *HERE)["deliveries"]
    return str(row["delivery"])


def cases_of(terminal: Terminal) -> int:
    return int(terminal.rows("select count(*) from imaging_case")[0][0])


def objects_of(terminal: Terminal, case: str) -> int:
    return int(terminal.rows("select count(*) from imaging_object where imaging_case = %s::uuid", case)[0][0])


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_an_import_that_was_broken_off_is_gone_on_with(
    terminal: Terminal, tmp_path: Path, sign: signal.Signals
) -> None:
    contents = small_objects(seed=20 + sign).contents()
    folder = written(tmp_path / "case", contents)
    before = cases_of(terminal)
    process = terminal.begun("import", folder, *HERE)
    terminal.wait_for(ARRIVED, lambda count: count >= 3)
    process.send_signal(sign)
    said = ended(process).stderr
    assert process.returncode == (130 if sign == signal.SIGINT else -sign)
    delivery = delivery_of(terminal)
    assert delivery in said
    if sign == signal.SIGINT:
        assert f"--delivery {delivery}" in said
    ((arrived,),) = terminal.rows(ARRIVED)
    assert 3 <= arrived < len(contents), "it was in the middle"
    assert cases_of(terminal) == before
    done = terminal.rt("import", folder, "--delivery", delivery)
    assert done.returncode == 0, done.stderr
    assert f"{arrived} had arrived before" in done.stderr
    assert objects_of(terminal, done.stdout.strip()) == len(contents)
    again = terminal.rt("import", folder, "--delivery", delivery)
    assert (again.returncode, again.stdout) == (0, done.stdout), "it became that case once"


SHORT = (*small_objects().contents()[:5], *small_objects().contents()[6:])
MIXED = (*small_objects().contents()[:-2], small_objects(seed=12).contents()[-2])


@pytest.mark.parametrize(
    ("contents", "code", "english", "chinese"),
    [
        (SHORT, "images-missing-slice", "missing", "缺"),
        (MIXED, "case-mixed-patients", "another patient", "患者"),
    ],
    ids=["missing slice", "other patient"],
)
def test_a_refused_folder_becomes_no_case_and_what_arrived_can_be_dropped(
    terminal: Terminal, tmp_path: Path, contents: Sequence[bytes], code: str, english: str, chinese: str
) -> None:
    folder, before = written(tmp_path / "case", contents), cases_of(terminal)
    refused = terminal.rt("import", folder, *HERE)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert code in refused.stderr
    assert english in refused.stderr.replace(code, "")
    assert cases_of(terminal) == before
    delivery = delivery_of(terminal)
    assert f"--delivery {delivery}" in refused.stderr
    in_chinese = terminal.rt("import", folder, "--delivery", delivery, language=CHINESE)
    assert (in_chinese.returncode, chinese in in_chinese.stderr) == (2, True)
    dropped = terminal.rt("import", "--discard", delivery)
    assert dropped.returncode == 0, dropped.stderr
    over = terminal.rt("import", folder, "--delivery", delivery)
    assert (over.returncode, "delivery-over" in over.stderr) == (2, True)


def test_what_was_missing_is_added_to_the_same_delivery(terminal: Terminal, tmp_path: Path) -> None:
    contents = small_objects(seed=31).contents()
    folder = written(tmp_path / "case", [*contents[:5], *contents[6:]])
    assert terminal.rt("import", folder, *HERE).returncode == 2
    (folder / "found").write_bytes(contents[5])
    done = terminal.rt("import", folder, "--delivery", delivery_of(terminal))
    assert done.returncode == 0, done.stderr
    assert objects_of(terminal, done.stdout.strip()) == len(contents)


def test_objects_are_added_to_a_case(terminal: Terminal, tmp_path: Path) -> None:
    contents = small_objects(seed=32).contents()
    case = terminal.imported(written(tmp_path / "case", contents[:-1]))
    done = terminal.rt("import", written(tmp_path / "more", contents[-1:]), "--into", case)
    assert (done.returncode, done.stdout.strip()) == (0, case), done.stderr
    assert objects_of(terminal, case) == len(contents)


def test_a_folder_that_is_too_large_is_refused_before_it_is_read(terminal: Terminal, tmp_path: Path) -> None:
    """The file is a hole of 4 GB and a byte: whoever read it would need that much memory, and minutes."""
    folder = tmp_path / "case"
    folder.mkdir()
    with (folder / "hole").open("wb") as file:
        file.truncate((4 << 30) + 1)
    for words in (("import", folder, *HERE), ("show", folder)):
        refused = terminal.rt(*words)
        assert (refused.returncode, "case-too-large" in refused.stderr) == (2, True), refused.stderr
    with (folder / "hole").open("wb") as file:
        file.truncate((1 << 30) + 1)
    one = terminal.rt("import", folder, *HERE)
    assert (one.returncode, "dicom-too-large" in one.stderr, "hole" in one.stderr) == (2, True, True)
    assert terminal.told("list", *HERE)["deliveries"] == []


def test_whose_case_it_is_must_be_clear(terminal: Terminal, tmp_path: Path) -> None:
    folder = written(tmp_path / "case", small_objects(seed=33).contents())
    wrong = terminal.rt("import", folder, "--organisation", "not-there")
    assert (wrong.returncode, "organisation-not-there" in wrong.stderr) == (2, True)
    terminal.with_organisations(OTHER)
    assert terminal.rt("import", folder, "--organisation", OTHER).returncode == 0
    unclear = terminal.rt("list")
    assert (unclear.returncode, "organisation-unclear" in unclear.stderr) == (2, True)
    assert all(each in unclear.stderr for each in (HOSPITAL, OTHER))
