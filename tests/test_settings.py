"""Settings have defaults; a value that is no value of its setting is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tianfu.kernel.refusal import Refusal
from tianfu.settings import settings_from


def test_nothing_needs_to_be_set() -> None:
    settings = settings_from({})
    assert (settings.home, settings.host, settings.port) == (Path.cwd() / ".tianfu", "127.0.0.1", 8000)
    assert settings.database_url is None
    assert settings.database_secret_file == settings.home / "database-secret"


def test_what_is_set_counts(tmp_path: Path) -> None:
    settings = settings_from({"TIANFU_HOME": str(tmp_path), "TIANFU_PORT": "9000", "TIANFU_WORKERS": "3"})
    assert (settings.home, settings.port, settings.workers) == (tmp_path, 9000, 3)


@pytest.mark.parametrize("text", ["0", "65536", "-1", "eighty", "８０", "1.5"])
def test_port_that_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="setting-invalid"):
        settings_from({"TIANFU_PORT": text})
