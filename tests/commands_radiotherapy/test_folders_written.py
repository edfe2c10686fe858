"""Folders that are written whole: what is refused before anything is computed, and what a killed program leaves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tianfu.commands_radiotherapy.folders import files_in, refuse_filled, whole_folder, write_file
from tianfu.kernel.refusal import Refusal


def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_computed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    for folder in (tmp_path / "file" / "new", tmp_path / ("n" * 300)):
        with pytest.raises(Refusal, match="folder-not-usable"):
            refuse_filled(folder)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file"]


def test_a_folder_in_one_that_nobody_may_write_to_is_refused_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda _place, _mode: False)
    with pytest.raises(Refusal, match="folder-not-usable"):
        refuse_filled(tmp_path / "far" / "new")


def test_a_new_folder_is_fine_however_far_below_one_that_is_there(tmp_path: Path) -> None:
    refuse_filled(tmp_path / "far" / "below" / "new")
    assert not any(tmp_path.iterdir())


def test_what_a_killed_program_left_in_a_case_is_no_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "CT.dcm").write_bytes(b"image")
    # A program that is killed tidies nothing up.
    monkeypatch.setattr("tianfu.commands_radiotherapy.folders.shutil.rmtree", lambda *_, **__: None)
    with pytest.raises(KeyboardInterrupt), whole_folder(tmp_path / "new") as unfinished:
        write_file(unfinished / "RP.dcm", b"a plan without its dose")
        raise KeyboardInterrupt
    assert unfinished.is_dir()
    assert [file.name for file in files_in(tmp_path)] == ["CT.dcm"]
