"""Structure names of AAPM TG-263 with Chinese aliases: `data/tg263.json`, which a physicist may edit.

A name is known, or known under another one, or unknown; the nearest guess is never given.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import orjson

_TARGET = re.compile(
    r"(GTV|CTV|ITV|IGTV|ICTV|PTV)(n|p|par|sb|v(as)?)?[0-9]{0,2}"
    r"(_(High|Low|Mid[0-9]{0,2}|[0-9]{3,5}))?([!^][A-Za-z0-9_]+)?(-[0-9]{2})?"
)
"""Targets: kind, classifier, number, relative or absolute dose level in cGy, custom qualifier, crop (TG-263 8.1).
[memory]"""

_MARGIN = re.compile(r"(?P<base>.+)_PRV[0-9]{2}")
"""An organ with a margin in millimetres (TG-263 7). [memory]"""


@dataclass(frozen=True, kw_only=True)
class Exact:
    """The text is a standard name."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Alias:
    """The text is another name of `name`: somebody should agree before it is renamed."""

    name: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """No standard name and no alias of one."""

    text: str


@dataclass(frozen=True, kw_only=True)
class StandardName:
    """One standard name; `source` says whether it was seen in a list or recalled."""

    name: str
    region: str
    chinese: tuple[str, ...]
    aliases: tuple[str, ...]
    source: str


@cache
def standard_names() -> Mapping[str, StandardName]:
    """All standard names we know."""
    table = orjson.loads(files("tianfu.standards.dicom").joinpath("data/tg263.json").read_bytes())
    return {
        one["name"]: StandardName(
            name=one["name"],
            region=one["region"],
            chinese=tuple(one["chinese"]),
            aliases=tuple(one["aliases"]),
            source=one["source"],
        )
        for one in table["structures"]
    }


def standard_name_of(text: str) -> Exact | Alias | Unknown:
    """What a structure's name means by TG-263."""
    if _is_standard(text):
        return Exact(name=text)
    name = _aliases().get(_plain(text))
    return Unknown(text=text) if name is None else Alias(name=name, text=text)


def _is_standard(text: str) -> bool:
    margin = _MARGIN.fullmatch(text)
    base = margin["base"] if margin else text
    return base in standard_names() or _TARGET.fullmatch(text) is not None


@cache
def _aliases() -> Mapping[str, str]:
    """Every other way of writing that belongs to one name alone."""
    meanings: dict[str, set[str]] = {}
    for one in standard_names().values():
        for text in (one.name, *one.chinese, *one.aliases):
            meanings.setdefault(_plain(text), set()).add(one.name)
    return {text: next(iter(names)) for text, names in meanings.items() if len(names) == 1}


def _plain(text: str) -> str:
    """Without case, width, spaces and joints: `left lung` stays what it is, `LUNG-L` is `Lung_L`."""
    wide = unicodedata.normalize("NFKC", text).casefold()
    return re.sub(r"[\s_\-.()]+", "", wide)
