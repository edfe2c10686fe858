"""docs/reference/permissions.md as rows, for the tests that hold it against the routes and walk it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "permissions.md"


@dataclass(frozen=True, slots=True)
class InteractionRow:
    """One interaction of the FHIR door."""

    interaction: str
    requests: tuple[str, ...]
    stranger: str


@dataclass(frozen=True, slots=True)
class PageRow:
    """One page, or one form that it sends."""

    method: str
    path: str
    purpose: str
    stranger: str

    @property
    def statuses(self) -> frozenset[int]:
        """The statuses that the stranger's cell names."""
        return frozenset(int(each) for each in re.findall(r"\b[1-5]\d\d\b", self.stranger))


@dataclass(frozen=True, slots=True)
class ProgramRow:
    """One address of the door where programs sign in."""

    method: str
    path: str
    stranger: str


@dataclass(frozen=True, slots=True)
class KindRow:
    """One kind of stranger: what he gets at each door, a code or a word that begins its cell."""

    kind: str
    fhir: str
    programs: str
    pages: str


def _rows(section: str) -> list[list[str]]:
    text = PAGE.read_text("utf-8").split(f"## {section}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def interaction_rows() -> list[InteractionRow]:
    """The table of the FHIR door."""
    rows = []
    for interaction, requests, _, stranger in _rows("The FHIR door"):
        named = tuple(each.strip("` ") for each in requests.split("`, `"))
        rows.append(InteractionRow(interaction.strip("`"), named, stranger))
    return rows


def page_rows() -> list[PageRow]:
    """The table of the pages."""
    rows = []
    for request, purpose, _, stranger in _rows("The pages"):
        method, _, path = request.strip("`").partition(" ")
        rows.append(PageRow(method, path, purpose.strip("`"), stranger))
    return rows


def program_rows() -> list[ProgramRow]:
    """The table of the addresses where programs sign in."""
    rows = []
    for requests, _, stranger in _rows("Where programs sign in"):
        method = ""
        for request in requests.split("`, `"):
            named = request.strip("` ").split(" ")
            method = named[0] if len(named) == 2 else method  # said once for several addresses
            rows.append(ProgramRow(method, named[-1], stranger))
    return rows


def media_rows() -> list[ProgramRow]:
    """The table of the addresses where pictures come in and go out."""
    rows = []
    for request, _, stranger in _rows("Where pictures come in and go out"):
        method, _, path = request.strip("`").partition(" ")
        rows.append(ProgramRow(method, path, stranger))
    return rows


def kind_rows() -> list[KindRow]:
    """The table of the kinds of stranger."""
    rows = []
    for kind, _, *cells in _rows("Nine kinds of stranger"):
        fhir, programs, pages = (_code_in(cell) for cell in cells)
        rows.append(KindRow(kind.strip("`"), fhir, programs, pages))
    return rows


def _code_in(cell: str) -> str:
    """The code that a cell names, or else the cell."""
    found = re.search(r"`([a-z-]+)`", cell)
    return found[1] if found else cell
