"""What the trace remembers of a search: everything that was asked, but no number, telephone or address in clear.

Such a value is told by its keyed hash.  Whoever holds the key can ask the trace who looked for a number; whoever
steals the trace cannot read numbers in it.
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
_LINKS = re.compile(r"[.:]")


def told_query(key: bytes, parameters: Sequence[tuple[str, str]]) -> str:
    """The parameters of a search as a query string for the trace."""
    return "&".join(f"{name}={told_value(key, name, value)}" for name, value in parameters)


def told_value(key: bytes, name: str, value: str) -> str:
    """A parameter's value, or `~` and its keyed hash if it tells who somebody is or where they live."""
    if hidden_codes().isdisjoint(_LINKS.split(name)) and not holds_personal_number(_bytes(value)):
        return value
    return ",".join(f"~{_hash(key, each)}" for each in value.split(","))


def _hash(key: bytes, value: str) -> str:
    return blind(key, _FIELD, _bytes(value.strip()), size_bytes=HASH_BYTES).hex()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@cache
def hidden_codes() -> frozenset[str]:
    """The parameters of any type whose values are identifiers, telecoms or addresses, and the modifier that is one."""
    return frozenset({"identifier", *_codes()})


def _codes() -> Iterable[str]:
    for name in definitions().resource_types:
        for parameter in executed_parameters(name):
            if parameter.type in {"token", "string"} and not _HIDDEN_TYPES.isdisjoint(yield_of(parameter).types):
                yield parameter.code
