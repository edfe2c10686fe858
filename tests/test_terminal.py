"""What commands say holds names that others wrote, and none of them steers the terminal.

They start without what only some of them need.
"""

from __future__ import annotations

import subprocess
import sys
from io import StringIO

from rich.table import Table

from tianfu.terminal import Terminal

HOSTILE = "Cord\x1b[2J\x1b[31m\x9b2J\x07"


def printed(value: object) -> str:
    file = StringIO()
    Terminal(file=file, width=80, force_terminal=False).print(value, markup=False)
    return file.getvalue()


def test_no_escape_of_a_name_reaches_the_terminal_not_even_out_of_a_table() -> None:
    table = Table("Structure")
    table.add_row(HOSTILE)
    for value in (HOSTILE, table):
        said = printed(value)
        assert "Cord" in said
        assert not {"\x1b", "\x9b", "\x07"} & set(said)


def test_words_lines_and_tabs_stand_as_they_are() -> None:
    assert printed("脊髓\n[red] Lung_L") == "脊髓\n[red] Lung_L\n"


def test_a_command_starts_without_the_record_core() -> None:
    """In a process of its own: here others have loaded it."""
    asked = "import sys, tianfu.command_line; print([one for one in sys.modules if one.startswith('tianfu.records')])"
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
