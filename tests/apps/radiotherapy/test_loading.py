"""Every process of the house knows of cases; what computes with them is loaded by the first who needs it."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("SimpleITK", "numba", "numpy", "onnxruntime", "pydicom", "scipy", "shapely")


@pytest.mark.parametrize(
    "started",
    ["tianfu.main", "tianfu.supervision.job_worker, tianfu.apps.radiotherapy.jobs", "tianfu.command_line"],
)
def test_what_starts_with_the_house_computes_nothing_yet(started: str) -> None:
    """In a process of its own: here others have loaded them."""
    asked = f"import sys, {started}; print([name for name in {HEAVY} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
