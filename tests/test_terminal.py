"""What commands say holds names that others wrote, and none of them steers the terminal."""

from __future__ import annotations

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
