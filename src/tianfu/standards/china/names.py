"""Names as people look for them: folded characters, toneless pinyin, initials.

`search_keys` is what an index stores for one name, `folded` is what a typed query becomes; a person is found
when a stored key starts with the folded query.  Both are pure; keys hold no spaces and no capitals.
Surnames have readings of their own (单 is shan, not dan); where the ordinary reading differs, both are keys.
"""

from __future__ import annotations

import json
import unicodedata
from functools import cache, lru_cache
from importlib.resources import files
from itertools import islice, product

MIDDLE_DOT = "\u00b7"
"""The dot that GB/T 28039 and identity cards put between the parts of a minority person's name."""

READINGS_MAX = 8
"""A name never gets more spellings than this, however many of its readings are doubtful."""

_DOTS = frozenset("\u00b7\u2022\u2027\u2219\u22c5\u30fb\uff65\u2024\ufe52\uff0e.\u0387\u2e31\u25cf\u16eb")


@lru_cache(maxsize=65_536)
def folded(text: str) -> str:
    """Fold a name or a query: one width, lower case, simple characters, Latin letters without accents.

    Spaces, middle dots of every kind, hyphens and apostrophes vanish.  Marks of scripts that need them
    (Tibetan vowels) stay.
    """
    wide = unicodedata.normalize("NFKC", text).casefold()
    variants = _variants()
    return "".join(variants.get(character, character) for character in _bare(wide))


@lru_cache(maxsize=65_536)
def search_keys(name: str) -> tuple[str, ...]:
    """The keys under which a name is found: itself folded, its toneless pinyin joined, its initials; no doubles."""
    whole = folded(name)
    if not whole:
        return ()
    spelt = [_spellings(name)] if _has_han(whole) else [[tuple(_latin_words(name))]]
    keys = [whole]
    for syllables in spelt[0]:
        keys.append("".join(syllables))
        if len(syllables) > 1:
            keys.append("".join(syllable[0] for syllable in syllables))
    return tuple(dict.fromkeys(key for key in keys if key))


@lru_cache(maxsize=65_536)
def pinyin(name: str) -> str:
    """The most likely toneless pinyin of a Chinese name, syllables parted by spaces: `shan yu ting`."""
    return " ".join(_spellings(name)[0])


def traditional_form(name: str) -> str:
    """The name with every simple character replaced by its traditional form, where the table knows one."""
    forms = _traditional()
    return "".join(forms.get(character, character) for character in name)


def _bare(text: str) -> list[str]:
    """The letters of `text`: no separators, and no accents on Latin letters."""
    kept: list[str] = []
    for character in text:
        if character in _DOTS or character.isspace() or unicodedata.category(character) in ("Pd", "Cf", "Cc"):
            continue
        if character in "'\u2019\u2018`":
            continue
        kept.append(_without_accent(character))
    return kept


def _without_accent(character: str) -> str:
    """The base letter of an accented Latin letter; a lone combining accent vanishes."""
    if character < "\u0080":
        return character
    if "\u0300" <= character <= "\u036f":
        return ""
    base = unicodedata.normalize("NFD", character)[0]
    return base if base < "\u0250" else character


def _latin_words(name: str) -> list[str]:
    parts = "".join(" " if character in _DOTS or character == "-" else character for character in name).split()
    return [word for word in (folded(part) for part in parts) if word]


def _has_han(text: str) -> bool:
    return any(_is_han(character) for character in text)


def _is_han(character: str) -> bool:
    return "\u3400" <= character <= "\u9fff" or "\U00020000" <= character <= "\U0003ffff" or character == "\u3007"


def _spellings(name: str) -> list[tuple[str, ...]]:
    """Every spelling worth a key, the likeliest first; at most `READINGS_MAX`."""
    whole = folded(name)
    choices = _surname_choices(whole)
    start = sum(len(choice[0]) for choice in choices[:1])
    heads = choices[0] if choices else [()]
    tail = [_readings(character) for character in whole[start:]]
    rests = product(*tail)
    spelt = ((*head, *rest) for rest in rests for head in heads)
    return list(dict.fromkeys(islice(spelt, READINGS_MAX)))


def _surname_choices(whole: str) -> list[list[tuple[str, ...]]]:
    """How the surname at the start may be read; empty when it has no reading of its own."""
    single, compound = _surnames()
    if whole[:2] in compound and len(whole) > 2:
        return [[compound[whole[:2]]]]
    if whole[:1] in single:
        own = single[whole[0]]
        ordinary = [(reading,) for reading in _readings(whole[0])]
        return [list(dict.fromkeys([*((reading,) for reading in _umlaut_spellings(own)), *ordinary]))]
    return []


def _readings(character: str) -> tuple[str, ...]:
    """The ordinary toneless reading of one character; a letter that is not Han reads as itself."""
    return _umlaut_spellings(_ordinary_reading(character)) if _is_han(character) else (character,)


def _umlaut_spellings(syllable: str) -> tuple[str, ...]:
    """lü is typed `lv`, written `lyu` in passports and often typed `lu`."""
    if "v" not in syllable:
        return (syllable,)
    return syllable, syllable.replace("v", "yu"), syllable.replace("v", "u")


@lru_cache(maxsize=32_768)
def _ordinary_reading(character: str) -> str:
    # Imported here: the tables of pypinyin take longer to load than most commands take to run.
    from pypinyin import Style, lazy_pinyin

    return lazy_pinyin(character, style=Style.NORMAL)[0].lower()


@cache
def _variants() -> dict[str, str]:
    """Traditional and look-alike characters with the simple one that a search uses."""
    tables = _data("character_variants.json")
    return tables["simple"] | tables["alike"]


@cache
def _traditional() -> dict[str, str]:
    """Simple character to the traditional form that stands first in the table."""
    forms: dict[str, str] = {}
    for traditional, simple in _data("character_variants.json")["simple"].items():
        forms.setdefault(simple, traditional)
    return forms


@cache
def _surnames() -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    table = _data("surname_readings.json")
    return table["single"], {name: tuple(reading.split()) for name, reading in table["compound"].items()}


def _data(name: str) -> dict[str, dict[str, str]]:
    table: dict[str, dict[str, str]] = json.loads(files(__package__).joinpath("data", name).read_text("utf-8"))
    return table
