"""A terminal, and a case that was taken in at it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.commands_radiotherapy.terminal import Terminal, written
from tests.folders import new_folder
from tests.radiotherapy_house import HOSPITAL, second_dose, small_objects
from tianfu.db import EmbeddedPostgres


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A case with two doses, by its id; `folder` is where it came from."""

    id: str
    folder: Path
    doses: tuple[str, str]


@pytest.fixture(scope="module")
def terminal() -> Iterator[Terminal]:
    with new_folder() as home:
        made = Terminal(home)
        made.with_organisations(HOSPITAL)
        yield made
        EmbeddedPostgres(home).stop()


@pytest.fixture(scope="module")
def kept(terminal: Terminal, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    folder = written(tmp_path_factory.mktemp("case") / "sent", [*small_objects().contents(), second_dose()])
    case = terminal.imported(folder)
    (row,) = [each for each in terminal.told("list")["cases"] if each["case"] == case]
    first, second = row["doses"]
    return Kept(id=case, folder=folder, doses=(first, second))
