"""Where a reference may point.  https://hl7.org/fhir/R4/references.html#literal"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache

from tianfu.standards.fhir.definitions import definitions
from tianfu.standards.fhir.validation.formats import ID

TYPE_ADDRESS = "http://hl7.org/fhir/StructureDefinition/"

_RELATIVE = re.compile(rf"\A([A-Za-z]+)/{ID}(?:/_history/{ID})?\Z")
_CONDITIONAL = re.compile(r"\A([A-Za-z]+)\?\S+\Z")
_ABSOLUTE = re.compile(r"\A[A-Za-z][A-Za-z0-9+.\-]*:\S+\Z")
_ABSOLUTE_TAIL = re.compile(rf"/([A-Z][A-Za-z]+)/{ID}(?:/_history/{ID})?\Z")
_LOCAL = re.compile(r"\A#\S*\Z")


@cache
def known_types() -> frozenset[str]:
    """The concrete resource types."""
    return frozenset(definitions().resource_types)


def quick_pattern(targets: Collection[str]) -> str:
    """A pattern of references that are surely right; what does not match is looked at again by `type_of`."""
    types = "|".join(sorted(targets or known_types(), key=lambda name: (-_usual(name), name)))
    tail = rf"(?:{types})/{ID}(?:/_history/{ID})?"
    return rf"\A(?:{tail}|urn:(?:uuid|oid):\S+|(?:{types})\?\S+|#\S*|https?://\S+/{tail})\Z"


def _usual(name: str) -> bool:
    """Types that most references point to come first in the alternatives."""
    return name in {"Encounter", "Location", "Organization", "Patient", "Practitioner"}


def type_of(reference: str) -> str | None:
    """The resource type that a reference names: empty if it cannot be seen, None if the text is no reference."""
    if named := _RELATIVE.match(reference) or _CONDITIONAL.match(reference):
        return named[1]
    if _LOCAL.match(reference):
        return ""
    if not _ABSOLUTE.match(reference):
        return None
    tail = _ABSOLUTE_TAIL.search(reference)
    return tail[1] if tail and tail[1] in known_types() else ""
