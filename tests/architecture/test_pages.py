"""Pages tell the truth: folders, settings, commands, dependencies, links, and the code that the how-to shows."""

from __future__ import annotations

import inspect
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from scripts.write_rules_page import page as rules_page
from scripts.write_settings_page import page as settings_page
from typer.main import get_command

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.command_line import app
from tianfu.db.queries import queries
from tianfu.records.store import Store

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "tianfu"
REFERENCE = ROOT / "docs" / "reference"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *SOURCE.rglob("README.md")])
QUERY_FILES = sorted(SOURCE.rglob("sql/*.sql"))

SETTING = re.compile(r"TIANFU_[A-Z_]+[A-Z]")
TREE_LINE = re.compile(r"( *)([a-z_]+)/ ")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
CODE = re.compile(r"^```python\n# (?:src/)?([a-z_/]+)\.py\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def page(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


# The architecture page


def folders_drawn() -> list[str]:
    """The paths in the tree of ARCHITECTURE.md, two spaces a level."""
    tree = page("ARCHITECTURE.md").split("```text\n", 1)[1].split("```", 1)[0]
    path: list[str] = []
    found = []
    for line in tree.splitlines():
        match = TREE_LINE.match(line)
        assert match, f"not a line of the tree: {line!r}"
        path[len(match[1]) // 2 :] = [match[2]]
        found.append("/".join(path))
    return found


def folders_there() -> list[str]:
    """Packages of the first two levels; deeper ones are told in their own README."""
    found = [folder.parent.relative_to(SOURCE) for folder in SOURCE.rglob("__init__.py")]
    return [str(folder) for folder in found if 1 <= len(folder.parts) <= 2]


def test_the_architecture_page_draws_exactly_the_folders_that_exist() -> None:
    assert sorted(folders_drawn()) == sorted(folders_there())


def test_the_tree_is_in_order() -> None:
    assert folders_drawn() == sorted(folders_drawn())


# The reference


def settings_in_code() -> set[str]:
    files = [ROOT / "Makefile"]
    for folder in ("src", "scripts", "demo", "bench", "tests"):
        files += (ROOT / folder).rglob("*.py")
    return {name for file in files if file != Path(__file__) for name in SETTING.findall(file.read_text("utf-8"))}


def test_every_setting_is_documented_and_no_other() -> None:
    assert set(SETTING.findall((REFERENCE / "settings.md").read_text("utf-8"))) == settings_in_code()


def test_the_page_of_settings_is_the_one_that_is_made_from_them() -> None:
    assert page("docs/reference/settings.md") == settings_page(), "run scripts/write_settings_page.py"


def test_the_page_of_plan_checks_is_made_from_the_rules() -> None:
    assert page("docs/reference/plan-checks.md") == rules_page(), "run scripts/write_rules_page.py"


def commands(command: Any, name: str) -> Iterator[str]:
    """The full names of all commands under one."""
    below = getattr(command, "commands", None)
    if not below:
        yield name
    else:
        for key, each in below.items():
            yield from commands(each, f"{name} {key}")


def test_every_command_is_documented_and_no_other() -> None:
    told = re.findall(r"^\| `(tianfu [a-z -]+?)(?: PATH…)?` \|", page("docs/reference/commands.md"), re.MULTILINE)
    assert sorted(told) == sorted(commands(get_command(app), "tianfu"))


def test_every_make_target_is_documented() -> None:
    targets = re.findall(r"^([a-z]+):", page("Makefile"), re.MULTILINE)
    told = page("docs/reference/commands.md")
    assert [target for target in targets if target != "help" and f"`make {target}`" not in told] == []


def dependencies() -> set[str]:
    project = tomllib.loads(page("pyproject.toml"))
    lists = [project["project"]["dependencies"], *project["dependency-groups"].values()]
    python = {re.split(r"[\[<>=]", line)[0] for each in lists for line in each}
    frontend = json.loads(page("frontend/package.json"))
    return python | {*frontend.get("dependencies", {}), *frontend.get("devDependencies", {}), "uv"}


def test_every_dependency_is_documented_and_no_other() -> None:
    told = page("docs/reference/dependencies.md").split("## System packages")[0]
    assert set(re.findall(r"^\| `([^`]+)` \|", told, re.MULTILINE)) == dependencies()


def test_every_dependency_says_why_what_else_and_which_licence() -> None:
    rows = re.findall(r"^\| `.*$", page("docs/reference/dependencies.md"), re.MULTILINE)
    assert [row for row in rows if any(not cell.strip() for cell in row.strip("|").split("|"))] == []


# Pages among themselves


@pytest.mark.parametrize("file", PAGES, ids=lambda file: str(file.relative_to(ROOT)))
def test_links_lead_somewhere(file: Path) -> None:
    links = LINK.findall(re.sub(r"```.*?```", "", file.read_text("utf-8"), flags=re.DOTALL))
    assert [link for link in links if not (file.parent / link).exists()] == []


@pytest.mark.parametrize("folder", ["decisions", "how-to", "reference", "roles", "rules"])
def test_every_page_is_listed_by_its_folder(folder: str) -> None:
    listed = (ROOT / "docs" / folder / "README.md").read_text("utf-8")
    names = [file.name for file in (ROOT / "docs" / folder).glob("*.md") if file.name != "README.md"]
    assert [name for name in names if f"({name})" not in listed] == []


def test_a_decision_tells_question_options_choice_price_and_when_to_reconsider() -> None:
    heads = ["Question", "Options", "Choice", "Price", "When to reconsider"]
    for file in (ROOT / "docs" / "decisions").glob("0*.md"):
        assert re.findall(r"^## (.*)$", file.read_text("utf-8"), re.MULTILINE) == heads, file.name


def test_decisions_that_the_code_names_exist() -> None:
    named = set()
    for file in [*SOURCE.rglob("*.py"), *SOURCE.rglob("*.sql")]:
        named |= set(re.findall(r"docs/[a-z/0-9\-]+\.md", file.read_text("utf-8")))
    # Written by the benchmark, which a fresh checkout has not run.
    assert [name for name in sorted(named - {"docs/performance.md"}) if not (ROOT / name).exists()] == []


# The code


@pytest.mark.parametrize("file", QUERY_FILES, ids=lambda file: file.name)
def test_every_named_query_has_a_sentence(file: Path) -> None:
    package = ".".join(file.parent.relative_to(ROOT / "src").parts)
    found = list(queries(package, file.name))
    assert found
    assert [query.name for query in found if not query.sentence.endswith(".")] == []


def test_store_functions_take_caller_and_purpose_first() -> None:
    for name, function in inspect.getmembers(Store, inspect.iscoroutinefunction):
        if name.startswith("_") or name == "open":
            continue
        parameters = list(inspect.signature(function, eval_str=True).parameters.values())
        assert [(each.name, each.annotation) for each in parameters[1:3]] == [
            ("caller", Caller),
            ("purpose", Purpose),
        ], name


def test_the_code_of_the_how_to_fits_the_code_that_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its modules are made as if they stood where the page says, and its tests are run."""
    shown = CODE.findall(page("docs/how-to/add-an-action.md"))
    assert len(shown) == 5
    for place, text in shown:
        module = ModuleType(place.replace("/", "."))
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(compile(text, place, "exec"), module.__dict__)  # noqa: S102 - our own page
        for name, value in list(vars(module).items()):
            if name.startswith("test_"):
                value()
