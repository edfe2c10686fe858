"""The table of threats names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "threats.md").read_text("utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", PAGE)
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ")][1:]


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_every_named_test_exists(file: str, name: str) -> None:
    assert re.search(rf"^ *(async )?def {name}\(", (ROOT / file).read_text("utf-8"), re.MULTILINE)


def test_thirty_nine_threats_are_answered_and_five_are_named_for_later() -> None:
    assert len(ROWS) == 39
    assert all("::test_" in row for row in ROWS)
    later = PAGE.partition("## For later")[2].partition("\n## ")[0]
    assert len(re.findall(r"^- ", later, re.MULTILINE)) == 5
