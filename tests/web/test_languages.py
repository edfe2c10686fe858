"""Catalogues say the same things in every language."""

from __future__ import annotations

import json
import re
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

import tianfu
from tianfu import apps, web
from tianfu.web.languages import MissingWordError, choose_language, choose_tongue, load_languages

FOLDERS = [
    folder
    for package in (web, apps)
    for folder in Path(str(package.__file__)).parent.rglob("languages")
    if folder.is_dir()
]

CATALOGUES = sorted(Path(str(tianfu.__file__)).parent.rglob("languages/*.json"))
"""Those of the web and of the apps, and those of gateways and services besides."""


def catalogues(folder: Path) -> dict[str, dict[str, Any]]:
    return {file.stem: json.loads(file.read_text("utf-8")) for file in sorted(folder.glob("*.json"))}


def doubled_keys(text: str) -> list[str]:
    """Keys that stand twice in one object: whoever reads it takes the last, and the other is dead or wrong."""
    doubled: list[str] = []

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        doubled.extend(sorted({key for key in keys if keys.count(key) > 1}))
        return dict(pairs)

    json.loads(text, object_pairs_hook=object_of)
    return doubled


def blanks(phrase: str | dict[str, str]) -> set[str]:
    forms = [phrase] if isinstance(phrase, str) else list(phrase.values())
    return {name for form in forms for _, name, _, _ in Formatter().parse(form) if name}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_every_language_has_every_phrase(folder: Path) -> None:
    found = catalogues(folder)
    assert set(found) >= {"zh-CN", "en"}
    for tag, phrases in found.items():
        assert set(phrases) ^ set(found["zh-CN"]) == set(), tag


@pytest.mark.parametrize("file", CATALOGUES, ids=lambda file: f"{file.parent.parent.name}-{file.stem}")
def test_no_key_stands_twice_in_a_catalogue(file: Path) -> None:
    assert doubled_keys(file.read_text("utf-8")) == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_no_phrase_is_empty_and_blanks_exist_in_chinese_too(folder: Path) -> None:
    found = catalogues(folder)
    for key, phrase in found["en"].items():
        assert phrase, key
        # Dates are put together from other parts in each language.
        if not key.startswith("format."):
            assert blanks(phrase) == blanks(found["zh-CN"][key]), key


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_chinese_uses_its_own_punctuation(folder: Path) -> None:
    for key, phrase in catalogues(folder)["zh-CN"].items():
        said = phrase if isinstance(phrase, str) else " ".join(phrase.values())
        assert not re.search(r"[\u4e00-\u9fff][,;:?!]", said), key


def test_phrases_of_different_apps_do_not_overwrite_each_other() -> None:
    keys = [key for folder in FOLDERS for key in catalogues(folder)["zh-CN"]]
    assert len(keys) == len(set(keys))


NAMED = re.compile(
    r"""\b(?:t|voice\.(?:marked|say|as_attribute|tongue_of))\(['"]([a-z][a-z0-9.\-]+[a-z0-9])['"]\s*[,)]"""
)
"""A phrase that a template names in full."""


def test_every_phrase_that_a_template_names_exists() -> None:
    known = set(load_languages(FOLDERS)["zh-CN"].phrases)
    named: set[str] = set()
    for folder in FOLDERS:
        for template in folder.parent.rglob("*.html"):
            named |= set(NAMED.findall(template.read_text("utf-8")))
    assert len(named) > 100
    assert named - known == set()


def test_a_count_of_one_is_said_in_the_singular() -> None:
    english = load_languages(FOLDERS)["en"]
    assert english.say("format.age-years", count=1) == "1 year"
    assert english.say("format.age-years", count=2) == "2 years"


def test_a_phrase_that_nobody_wrote_is_a_mistake_not_a_raw_key() -> None:
    with pytest.raises(MissingWordError):
        load_languages(FOLDERS)["en"].say("no.such.phrase")


def test_a_new_language_is_one_file_in_each_folder(tmp_path: Path) -> None:
    (tmp_path / "bo.json").write_text('{"language.own-name": "བོད་ཡིག", "language.short-name": "བོད"}', "utf-8")
    languages = load_languages([*FOLDERS, tmp_path])
    assert languages["bo"].own_name == "བོད་ཡིག"
    assert languages["bo"].say("place.preferences") == languages["zh-CN"].say("place.preferences")


@pytest.mark.parametrize(
    ("asked", "remembered", "accepted", "page", "tongue"),
    [
        ("bo", None, "en", "zh-CN", "bo"),
        (None, "ii", "en", "zh-CN", "ii"),
        ("en", "bo", "zh-CN", "en", ""),
        (None, "zh-CN", "bo", "zh-CN", ""),
        (None, None, "bo-CN, en;q=0.8", "en", "bo"),
        (None, None, "bo-CN, fr;q=0.9, zh;q=0.8, en;q=0.7", "zh-CN", "bo"),
        (None, None, "ii", "zh-CN", "ii"),
        (None, None, "en, bo;q=0.8", "en", ""),
        ("fr", "no such", "de", "zh-CN", ""),
    ],
)
def test_who_wishes_for_a_language_without_a_catalogue_reads_chinese_and_is_known_by_it(
    asked: str | None, remembered: str | None, accepted: str, page: str, tongue: str
) -> None:
    languages = load_languages(FOLDERS)
    wish = {"asked": asked, "remembered": remembered, "accepted": accepted}
    assert (choose_language(languages, **wish).tag, choose_tongue(languages, **wish)) == (page, tongue)
