"""What the trace remembers of a search: everything that was asked, but nothing in clear that tells who somebody is.

Numbers, names, birth dates, telephones and addresses are told by their keyed hashes, and so is the value of a
parameter that we do not know.  Whoever holds the key can ask the trace who looked for a number; whoever steals the
trace cannot read numbers in it.  It can never be erased, so it must not hold them: docs/decisions/0013-audit-chain.md .
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache

from tianfu.records.protected import holds_personal_number
from tianfu.records.search import executed_parameters
from tianfu.records.search.whereabouts import yield_of
from tianfu.standards.fhir.definitions import definitions
from tianfu.vault.blind import blind

HASH_BYTES = 12
_FIELD = "told"
_HIDDEN_TYPES = frozenset({"Identifier", "ContactPoint", "Address"})
_PEOPLE = frozenset({"Patient", "Person", "RelatedPerson", "Practitioner"})
_CONTROLS = frozenset(
    {
        "_count",
        "_cursor",
        "_elements",
        "_has",
        "_include",
        "_revinclude",
        "_since",
        "_sort",
        "_summary",
        "_total",
        "_type",
        "_typeFilter",
    }
)
_LINKS = re.compile(r"[.:]")


def told_query(key: bytes, parameters: Sequence[tuple[str, str]]) -> str:
    """The parameters of a search as a query string for the trace."""
    return "&".join(f"{name}={told_value(key, name, value)}" for name, value in parameters)


def told_value(key: bytes, name: str, value: str) -> str:
    """A parameter's value, or `~` and its keyed hash if it tells who somebody is or where they live."""
    parts = _LINKS.split(name)
    is_known = parts[0] in known_codes()
    if is_known and hidden_codes().isdisjoint(parts) and not holds_personal_number(_bytes(value)):
        return "".join(character if character.isprintable() else "\ufffd" for character in value)
    return ",".join(f"~{_hash(key, each)}" for each in value.split(","))


def _hash(key: bytes, value: str) -> str:
    return blind(key, _FIELD, _bytes(value.strip()), size_bytes=HASH_BYTES).hex()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@cache
def hidden_codes() -> frozenset[str]:
    """The parameters of any type whose values are identifiers, names, telecoms or addresses, and the like."""
    return frozenset({"identifier", "birthdate", "death-date", "_filter", "_text", "_content", *_codes()})


@cache
def known_codes() -> frozenset[str]:
    """Every parameter that some search understands."""
    own = {parameter.code for name in definitions().resource_types for parameter in executed_parameters(name)}
    return _CONTROLS | own


def _codes() -> Iterable[str]:
    for name in definitions().resource_types:
        for parameter in executed_parameters(name):
            if parameter.type not in {"token", "string"}:
                continue
            is_about_people = parameter.type == "string" and name in _PEOPLE
            if is_about_people or not _HIDDEN_TYPES.isdisjoint(yield_of(parameter).types):
                yield parameter.code
