"""What a reference says about its target without looking it up.  https://hl7.org/fhir/R4/references.html"""

from __future__ import annotations

import re
from functools import lru_cache

from tianfu.standards.fhir.definitions import definitions
from tianfu.standards.fhir.fhirpath.nodes import Json

_LITERAL = re.compile(
    r"(?:.*/)?([A-Z][A-Za-z]+)(?:/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?|\?.*)(?:#.*)?\Z"
)
_RESOURCE_TYPES = frozenset(definitions().resource_types)


@lru_cache(maxsize=16_384)
def type_in_url(reference: str) -> str | None:
    """The resource type in `Patient/1`, `https://there/fhir/Patient/1/_history/2`, `Patient?identifier=1`."""
    found = _LITERAL.match(reference)
    return found.group(1) if found is not None and found.group(1) in _RESOURCE_TYPES else None


def type_of_reference(reference: Json, root: Json) -> str | None:
    """The type of the resource that a Reference points to; one inside `root` is looked at, others are not."""
    if not isinstance(reference, dict):
        return None
    url = reference.get("reference")
    if isinstance(url, str):
        if url.startswith("#"):
            inside = contained(url, root)
            return None if inside is None else inside.get("resourceType")
        found = type_in_url(url)
        if found is not None:
            return found
    stated = reference.get("type")
    return stated if isinstance(stated, str) and stated in _RESOURCE_TYPES else None


def contained(url: str, root: Json) -> Json | None:
    """The resource inside `root` that `#id` names; `#` alone is `root`."""
    if not isinstance(root, dict):
        return None
    if url == "#":
        return root
    inside = root.get("contained")
    for resource in inside if isinstance(inside, list) else ():
        if isinstance(resource, dict) and resource.get("id") == url[1:]:
            return resource
    return None
