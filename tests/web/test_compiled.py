"""Templates are compiled once for all sites of a process, and anew once they say something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, FileSystemLoader

from tianfu.web.compiled import Compiled


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The names of all that is compiled."""
    names: list[str | None] = []
    really = Environment.compile

    def compile_(self: Environment, source: Any, name: str | None = None, *more: Any, **named: Any) -> Any:
        names.append(name)
        return really(self, source, name, *more, **named)

    monkeypatch.setattr(Environment, "compile", compile_)
    return names


def rendered(folder: Path, kept: Compiled, **values: object) -> str:
    environment = Environment(loader=FileSystemLoader(folder), autoescape=True, bytecode_cache=kept)
    environment.globals.update(values)
    return environment.get_template("page.html").render()


def test_two_environments_compile_a_template_once_and_keep_their_own_values(
    tmp_path: Path, compiled: list[str | None]
) -> None:
    (tmp_path / "page.html").write_text("{{ word }}", "utf-8")
    kept = Compiled()
    assert [rendered(tmp_path, kept, word=word) for word in ("one", "two")] == ["one", "two"]
    assert compiled == ["page.html"]


def test_a_changed_template_and_one_of_another_folder_are_compiled_anew(tmp_path: Path) -> None:
    kept = Compiled()
    (tmp_path / "page.html").write_text("old", "utf-8")
    assert rendered(tmp_path, kept) == "old"
    (tmp_path / "page.html").write_text("new", "utf-8")
    assert rendered(tmp_path, kept) == "new"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "page.html").write_text("other", "utf-8")
    assert rendered(tmp_path / "other", kept) == "other"
