"""Lines of a CSV file (RFC 4180) that a spreadsheet opens without running anything in it."""

from __future__ import annotations

from collections.abc import Sequence

BYTE_ORDER_MARK = "\ufeff"
"""Spreadsheets take a file without it for one in the machine's old encoding, and show Chinese as rubbish."""

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def csv_line(cells: Sequence[str]) -> str:
    """One line; a cell that a spreadsheet would take for a formula begins with an apostrophe.

    See https://owasp.org/www-community/attacks/CSV_Injection .
    """
    return ",".join(_cell(each) for each in cells) + "\r\n"


def _cell(text: str) -> str:
    said = text.replace("\0", "")
    # Also behind blanks, and behind a quotation mark, which some programs take off first.
    guarded = f"'{said}" if said.lstrip(" '\"\u00a0\u3000").startswith(_STARTS_A_FORMULA) else said
    return '"' + guarded.replace('"', '""') + '"'
