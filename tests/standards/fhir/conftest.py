"""Where real records made by others lie; tests that want them say so and go on without."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("TIANFU_SHARED", Path(__file__).parents[3].parent / "shared"))


@pytest.fixture(scope="session")
def synthea_folder() -> Path:
    """Whole synthetic lives as FHIR R4 transaction bundles."""
    return _there(SHARED / "data/synthea-r4")


@pytest.fixture(scope="session")
def official_examples_folder() -> Path:
    """Examples and FHIRPath inputs of HL7's test cases."""
    return _there(SHARED / "data/fhir-r4-tests")


def _there(folder: Path) -> Path:
    if not folder.is_dir():
        pytest.skip(f"no records made by others at {folder}")
    return folder
