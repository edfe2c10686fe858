"""What a Consent is called in a life, in both languages; the words are data: consent_titles.json."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec

from tianfu.apps.lifelong.model.wording import Coding, Concept


class _Row(msgspec.Struct, frozen=True):
    system: str
    code: str
    zh: str
    en: str


class _Table(msgspec.Struct, frozen=True):
    mark: str
    about: str
    general: list[tuple[str, str]]
    titles: list[_Row]


@cache
def _table() -> _Table:
    text = files("tianfu.apps.lifelong.model").joinpath("consent_titles.json").read_bytes()
    return msgspec.json.decode(text, type=_Table)


@cache
def _titles() -> Mapping[tuple[str, str], Concept]:
    return {
        (row.system, row.code): Concept(
            text=row.zh, codings=(Coding(system=row.system, code=row.code, display=row.en),)
        )
        for row in _table().titles
    }


def title_of(said: Concept) -> Concept | None:
    """The title of the first coding that has one; None if none has."""
    return next((found for one in said.codings if (found := _titles().get((one.system, one.code)))), None)


def is_general(said: Concept) -> bool:
    """Whether a category says of a Consent only that it is one."""
    return bool(said.codings) and all((one.system, one.code) in _table().general for one in said.codings)
