"""Compiled kernels are those of today's code."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from numba.core import config

from tianfu.apps.radiotherapy.model import compiled


def test_kernels_lie_in_a_folder_of_their_code() -> None:
    folder = Path(vars(config)["CACHE_DIR"])
    assert folder.parent.parent == Path(compiled.__file__).parent
    assert folder.name.startswith("kernels-")


def test_a_folder_that_is_named_holds_them_instead(tmp_path: Path) -> None:
    folder = compiled.cache_folder(str(tmp_path))
    assert folder.parent == tmp_path
    assert folder.name.startswith("kernels-")


def test_who_may_not_write_beside_the_code_keeps_them_in_his_own_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never where others may write: a kernel is run by whoever loads it."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert compiled.cache_folder("").is_relative_to(Path.home())


def test_no_kernel_is_compiled_past_that() -> None:
    sources = Path(compiled.__file__).parent.rglob("*.py")
    found = [file.name for file in sources if "njit" in file.read_text("utf-8") and file.name != "compiled.py"]
    assert not found
