"""What was asked, as the trace keeps it: values that tell who a person is stand there as keyed digests.

The trace can never be erased, so what it holds of a person must say nothing to whoever reads it without the key.
With the key one can still tell whether a certain number was searched for: digest it and compare.
Why not sealed: docs/decisions/0013-audit-chain.md .
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from cryptography.hazmat.primitives.hashes import SM3
from cryptography.hazmat.primitives.hmac import HMAC

from tianfu.standards.fhir.definitions import definitions

QUERY_CHARACTERS_MAX = 4_000
DIGEST_BYTES = 12
DIGEST_MARK = "~"
"""Begins a value that is a digest: `family=~…`."""

_PEOPLE = frozenset({"Patient", "Person", "RelatedPerson", "Practitioner"})
_DATES_OF_PEOPLE = frozenset({"birthdate", "death-date"})
_OPEN_TYPES = frozenset({"token", "reference", "date", "number", "quantity", "uri", "composite", "special"})
_CLOSED_CODES = frozenset({"identifier", "phonetic", "telecom", "phone", "email", "_filter", "_text", "_content"})
_CONTROLS = frozenset(
    {
        "_count",
        "_sort",
        "_total",
        "_summary",
        "_elements",
        "_include",
        "_revinclude",
        "_id",
        "_lastUpdated",
        "_cursor",
        "_type",
        "_since",
        "_has",
    }
)


def asked_text(resource_type: str, parameters: Sequence[tuple[str, str]], key: bytes) -> str:
    """The parameters as `name=value&…`, percent-encoded; values that name or describe a person as digests."""
    parts = (f"{quote(name, safe=':.')}={_kept(resource_type, name, value, key)}" for name, value in parameters)
    return "&".join(parts)[:QUERY_CHARACTERS_MAX]


def _kept(resource_type: str, name: str, value: str, key: bytes) -> str:
    return quote(value, safe=":/,|$") if _is_open(resource_type, name) else DIGEST_MARK + digest(value, key)


def digest(value: str, key: bytes) -> str:
    """The keyed digest of a value (HMAC with SM3, GB/T 15852.2), cut to 96 bits."""
    made = HMAC(key, SM3())
    made.update(value.encode("utf-8", "surrogatepass"))
    return made.finalize()[:DIGEST_BYTES].hex()


def _is_open(resource_type: str, name: str) -> bool:
    """Whether values of a parameter may stand in clear; what we do not know may not.

    The last step of a chain (`subject:Patient.name`, `_has:Patient:link:identifier`) decides, wherever it leads.
    """
    code, *modifiers = name.rpartition(".")[2].split(":")
    if code == "_has":
        code, modifiers = (modifiers or ["_has"])[-1], []
    if "identifier" in modifiers or code in _CLOSED_CODES or code.startswith("address"):
        return False
    if code in _CONTROLS:
        return True
    found = _parameters(code) if "." in name or name.startswith("_has") else _parameters_of(resource_type, code)
    people = resource_type in _PEOPLE or "." in name or name.startswith("_has")
    return bool(found) and found <= _OPEN_TYPES and not (people and code in _DATES_OF_PEOPLE)


def _parameters_of(resource_type: str, code: str) -> set[str]:
    found = definitions().search_parameter(resource_type, code)
    return set() if found is None else {found.type}


def _parameters(code: str) -> set[str]:
    """The kinds of all parameters of this code, whatever type they belong to."""
    every = definitions().search_parameters.values()
    return {parameter.type for parameters in every for parameter in parameters if parameter.code == code}
