"""Compiled kernels lie where their owner alone may write, and what set-up compiled is not compiled again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tianfu.supervision import kernels
from tianfu.supervision.kernels import BESIDE_CODE, SETTING, keep_kernels


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """What set-up compiled."""
    folder = tmp_path / "model" / "__pycache__"
    (folder / "kernels-1" / "transport").mkdir(parents=True)
    (folder / "kernels-1" / "transport" / "trace.nbc").write_bytes(b"code")
    (folder / "trace.pyc").write_bytes(b"no kernel")
    return folder


@pytest.fixture
def nobody_may_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an installation: the code is root's."""
    monkeypatch.setattr(os, "access", lambda *_: False)


def test_a_checkout_uses_them_beside_its_code(tmp_path: Path, beside: Path) -> None:
    environment: dict[str, str] = {}
    keep_kernels(environment, tmp_path / "home", beside=beside)
    assert environment == {}
    assert not (tmp_path / "home").exists()


def test_the_folder_of_this_program_is_where_set_up_compiles_to() -> None:
    assert (BESIDE_CODE.parent / "compiled.py").is_file()


@pytest.mark.usefixtures("nobody_may_write")
def test_an_installation_copies_them_into_its_home_once_and_for_its_owner_alone(tmp_path: Path, beside: Path) -> None:
    kept = tmp_path / "home" / "kernels"
    (kept / ".kernels-1").mkdir(parents=True)
    (kept / ".kernels-1" / "half").touch()  # it was killed while it copied
    for _ in range(2):
        environment: dict[str, str] = {}
        keep_kernels(environment, tmp_path / "home", beside=beside)
        assert environment == {SETTING: str(kept)}
        assert [each.name for each in kept.iterdir()] == ["kernels-1"]
        assert (kept / "kernels-1" / "transport" / "trace.nbc").read_bytes() == b"code"
        assert not (kept / "kernels-1" / "half").exists()
    assert kept.stat().st_mode & 0o077 == 0, "a folder that was there before is made the owner's own, too"


@pytest.mark.usefixtures("nobody_may_write")
def test_a_folder_that_is_named_stays_the_one(tmp_path: Path, beside: Path) -> None:
    environment = {SETTING: "elsewhere"}
    keep_kernels(environment, tmp_path / "home", beside=beside)
    assert environment == {SETTING: "elsewhere"}
    assert not (tmp_path / "home").exists()


@pytest.mark.usefixtures("nobody_may_write")
def test_what_cannot_be_copied_is_no_reason_not_to_start(
    tmp_path: Path, beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kernels.shutil, "copytree", full)
    environment: dict[str, str] = {}
    keep_kernels(environment, tmp_path / "home", beside=beside)
    assert environment == {SETTING: str(tmp_path / "home" / "kernels")}
    assert not list((tmp_path / "home" / "kernels").iterdir())
