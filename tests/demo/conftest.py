"""One small province for all tests of the demo."""

from __future__ import annotations

import pytest
from told_province import RESIDENTS, Province, tell


@pytest.fixture(scope="session")
def province(tmp_path_factory: pytest.TempPathFactory) -> Province:
    folder = tmp_path_factory.mktemp("province")
    tell(folder, residents=RESIDENTS)
    return Province(folder)
