"""Compiled kernels are those of today's code."""

from __future__ import annotations

from pathlib import Path

from numba.core import config

from tianfu.apps.radiotherapy.model import compiled


def test_kernels_lie_in_a_folder_of_their_code() -> None:
    folder = Path(vars(config)["CACHE_DIR"])
    assert folder.parent.parent == Path(compiled.__file__).parent
    assert folder.name.startswith("kernels-")


def test_no_kernel_is_compiled_past_that() -> None:
    sources = Path(compiled.__file__).parent.glob("*.py")
    found = [file.name for file in sources if "njit" in file.read_text("utf-8") and file.name != "compiled.py"]
    assert not found
