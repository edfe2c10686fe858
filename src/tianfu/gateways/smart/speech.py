"""Scopes in plain words: what a program will be able to see and change, for whom, and for how long."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tianfu.services.accounts.oauth.model.scopes import FHIR_USER, OFFLINE, OPENID
from tianfu.web.languages import Language

_RESOURCE = re.compile(r"(patient|user)/(\*|[A-Za-z]+)\.([a-z*]+)(?:\?(.*))?\Z")
_LETTERS = {"read": "rs", "write": "cud", "*": "cruds"}


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence of the approval page, and the kinds of records that it is about."""

    key: str
    kinds: tuple[str, ...] = ()


def lines_of(scopes: Iterable[str], language: Language) -> Sequence[Line]:
    """What the scopes allow, the weightiest first: changing before seeing, everybody's records before one person's."""
    plain = set(scopes)
    kinds: dict[str, list[str]] = defaultdict(list)
    for scope in plain:
        found = _RESOURCE.match(scope)
        if found is None:
            continue
        whose, kind, said, query = found.groups()
        letters = _LETTERS.get(said, said)
        word = _kind(kind, query, language)
        if set(letters) & set("cud"):
            kinds[f"smart.change-{whose}"].append(word)
        if set(letters) & set("rs"):
            kinds[f"smart.see-{whose}"].append(word)
    order = ("smart.change-user", "smart.change-patient", "smart.see-user", "smart.see-patient")
    lines = [Line(key, tuple(sorted(dict.fromkeys(kinds[key])))) for key in order if key in kinds]
    if OPENID in plain or FHIR_USER in plain:
        lines.append(Line("smart.who"))
    lines.append(Line("smart.stays" if OFFLINE in plain else "smart.leaves"))
    return lines


def _kind(kind: str, query: str | None, language: Language) -> str:
    key = "smart.kind-all" if kind == "*" else f"smart.kind-{kind}"
    word = language.say(key) if language.has(key) else kind
    return language.say("smart.only", kind=word, query=query) if query else word
