"""Rewrite references inside a resource's text, without parsing it, when its neighbours get their ids.

Resolving references in a transaction: https://hl7.org/fhir/R4/http.html#trules .
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import orjson

_REFERENCE = re.compile(rb'"(reference|url|uri|valueUri|valueUrl)"(\s*:\s*)"((?:[^"\\]|\\.)+)"')

Resolve = Callable[[bytes], bytes | None]
"""The new form of a reference, or None to leave it."""


def rewritten(text: bytes, resolve: Resolve) -> tuple[bytes, list[str]]:
    """The text with its references resolved, and the local ones (`urn:uuid:`, `urn:oid:`) that nothing resolves.

    Whole values of `reference` are looked at, and of address elements those that name an entry by a `urn:`: any
    other address may be the resource's own.  A string that quotes a reference has its quotation marks escaped and
    so never matches.
    """
    unresolved: list[str] = []

    def place(match: re.Match[bytes]) -> bytes:
        key, colon, target = match[1], match[2], _plain(match[3])
        new = resolve(target) if key == b"reference" or target.startswith(b"urn:") else None
        if new is not None:
            return b'"%s"%s"%s"' % (key, colon, new)
        if key == b"reference" and target.startswith((b"urn:uuid:", b"urn:oid:")):
            unresolved.append(target.decode("utf-8", "replace"))
        return match[0]

    return _REFERENCE.sub(place, text), unresolved


def conditional_references(text: bytes) -> list[bytes]:
    """References that ask for whatever matches a search: `Patient?identifier=…`."""
    targets = (_plain(match[3]) for match in _REFERENCE.finditer(text) if match[1] == b"reference")
    return [target for target in targets if _is_conditional(target)]


def _plain(target: bytes) -> bytes:
    """A JSON string's content without its escapes (`Patient\\/17` is `Patient/17`); a damaged one is left as it is."""
    if b"\\" not in target:
        return target
    try:
        decoded: str = orjson.loads(b'"' + target + b'"')
    except orjson.JSONDecodeError:
        return target
    return decoded.encode()


def _is_conditional(target: bytes) -> bool:
    return b"?" in target and b":" not in target.partition(b"?")[0]


def resolve_from(new_names: Mapping[bytes, bytes]) -> Resolve:
    """Resolve by a table of old and new names; a version suffix is dropped with the old name."""

    def resolve(target: bytes) -> bytes | None:
        return new_names.get(target) or new_names.get(target.partition(b"/_history/")[0])

    return resolve
