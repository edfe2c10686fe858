"""Turn bytes into a FHIR resource, or refuse and say where.  https://hl7.org/fhir/R4/json.html

Nothing that was in the input is repeated in a refusal: only reasons, lines, columns and element names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple, NoReturn

import msgspec
import orjson

from tianfu.kernel.refusal import Fault, Refusal
from tianfu.standards.fhir.definitions import definitions
from tianfu.standards.fhir.depth import JSON_DEPTH_MAX, is_too_deep

_ELEMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9]{0,63}\Z")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[{}\[\]:]')
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_REASONS = {
    "infinity": "number-out-of-range",
    "low surrogate": "lone-surrogate",
    "high surrogate": "lone-surrogate",
    "unexpected content after document": "trailing-content",
}
"""Words in the parser's messages, and our reason for each; anything else is plain syntax."""


class ParsedResource(NamedTuple):
    """A resource as a value, and its own text without white space between tokens.

    The text is what was sent: decimals keep their digits (`1.50`), strings their escapes.  In the value a whole number
    that 64 bits do not hold is a float; no element of FHIR may have one.
    """

    value: dict[str, Any]
    text: bytes


def parse_resource(data: bytes) -> ParsedResource:
    """Read one resource of a known type; raises Refusal.

    Codes: json-invalid, json-too-deep, json-duplicate-key, not-a-resource.
    """
    try:
        text = msgspec.json.format(data, indent=-1) if b"\n" in data else data
        value = orjson.loads(text)
        rewritten = orjson.dumps(value)
        if rewritten != text:
            text = msgspec.json.format(text, indent=-1)
    except (msgspec.DecodeError, orjson.JSONDecodeError, orjson.JSONEncodeError, RecursionError):
        _refuse_text(data)
    # A key written twice cannot come out as it went in.
    if (text.count(b"{") + text.count(b"[") > JSON_DEPTH_MAX and is_too_deep(value)) or (
        rewritten != text and _has_duplicate_key(text)
    ):
        _refuse_value(data, value)
    if type(value) is not dict or str(value.get("resourceType")) not in _resource_types():
        _refuse_type(value)
    return ParsedResource(value, text)


@cache
def _resource_types() -> frozenset[str]:
    return frozenset(definitions().resource_types)


# --- what is wrong ------------------------------------------------------------------------------------------


def _refuse_text(data: bytes) -> NoReturn:
    """Say why the bytes are not JSON."""
    if data.startswith(_BYTE_ORDER_MARK):
        raise _invalid("byte-order-mark", offset="0")
    if not data.strip():
        raise _invalid("empty")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _invalid("not-utf-8", offset=str(error.start)) from None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if "depth" in error.msg:
            raise _too_deep() from None
        raise _invalid(_reason(error, text), line=str(error.lineno), column=str(error.colno)) from None
    # The parser was satisfied, the minifier not: only depth is left.
    _refuse_value(data, value)


def _reason(error: orjson.JSONDecodeError, text: str) -> str:
    if re.compile(r"-?(NaN|Infinity)").match(text, error.pos):
        return "not-a-number"
    return next((reason for words, reason in _REASONS.items() if words in error.msg), "syntax")


def _refuse_value(data: bytes, value: object) -> NoReturn:
    if is_too_deep(value):
        raise _too_deep()
    raise _duplicate_key(data.decode("utf-8"))


def _refuse_type(value: object) -> NoReturn:
    if not isinstance(value, dict):
        raise Refusal("not-a-resource", details={"reason": "not-an-object"})
    type_ = value.get("resourceType")
    if type_ is None:
        raise Refusal("not-a-resource", details={"reason": "resource-type-missing"})
    details = {"reason": "resource-type-unknown"}
    if isinstance(type_, str) and _ELEMENT_NAME.match(type_):
        details["type"] = type_
    raise Refusal("not-a-resource", details=details)


def _invalid(reason: str, **where: str) -> Refusal:
    return Refusal("json-invalid", details={"reason": reason, **where})


def _too_deep() -> Refusal:
    return Refusal("json-too-deep", details={"levels_max": str(JSON_DEPTH_MAX)})


# --- keys written twice -------------------------------------------------------------------------------------


class _KeyTwiceError(Exception):
    pass


def _unique(pairs: list[tuple[str, object]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise _KeyTwiceError


def _number(_: str) -> None:
    """Numbers were read before; a very long one would only cost time."""


def _has_duplicate_key(text: bytes) -> bool:
    try:
        json.loads(text, object_pairs_hook=_unique, parse_int=_number, parse_float=_number)
    except _KeyTwiceError:
        return True
    return False


def _duplicate_key(text: str) -> Refusal:
    position, key = next(_duplicate_keys(text))
    details = {
        "line": str(text.count("\n", 0, position) + 1),
        "column": str(position - text.rfind("\n", 0, position)),
    }
    if _ELEMENT_NAME.match(key):
        details["element"] = key
    return Refusal("json-duplicate-key", details=details)


def _duplicate_keys(text: str) -> Iterator[tuple[int, str]]:
    """Positions of the keys that an object holds already."""
    open_objects: list[set[str]] = []
    last = (0, "")
    for token in _TOKEN.finditer(text):
        match token[0][0]:
            case '"':
                last = token.start(), token[0]
            case "{" | "[":
                open_objects.append(set())
            case "}" | "]":
                open_objects.pop()
            case _:
                key = json.loads(last[1])
                if key in open_objects[-1]:
                    yield last[0], key
                open_objects[-1].add(key)


# --- bundles ------------------------------------------------------------------------------------------------


class _Request(msgspec.Struct, gc=False):
    method: str
    url: str
    ifNoneExist: str | None = None  # noqa: N815 - FHIR's names
    ifMatch: str | None = None  # noqa: N815
    ifNoneMatch: str | None = None  # noqa: N815


class _Entry(msgspec.Struct, gc=False):
    resource: msgspec.Raw = msgspec.Raw()
    fullUrl: str | None = None  # noqa: N815
    request: _Request | None = None


class _Bundle(msgspec.Struct, gc=False):
    resourceType: str = ""  # noqa: N815
    type: str = ""
    entry: list[_Entry] = []


_decode_bundle: Callable[[bytes], _Bundle] = msgspec.json.Decoder(_Bundle).decode


class BundleEntry(NamedTuple):
    """One entry of a bundle; `resource` is minified JSON not yet read, or None."""

    full_url: str | None
    method: str | None
    url: str | None
    if_none_exist: str | None
    if_match: str | None
    if_none_match: str | None
    resource: bytes | None


class ParsedBundle(NamedTuple):
    """A bundle taken apart; hand each entry's resource to `parse_resource`."""

    type: str
    entries: tuple[BundleEntry, ...]


def parse_bundle(data: bytes) -> ParsedBundle:
    """Take a Bundle apart without reading the resources in it; raises Refusal like `parse_resource`.

    A part of the wrong JSON type is refused as bundle-invalid with the fault's path.
    """
    try:
        text = msgspec.json.format(data, indent=-1)
        bundle = _decode_bundle(text)
    except msgspec.ValidationError as error:
        _refuse_bundle(data, str(error))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        _refuse_text(data)
    if bundle.resourceType != "Bundle":
        _refuse_bundle_type(bundle.resourceType)
    entries = tuple(map(_bundle_entry, bundle.entry))
    _refuse_unclear_frame(data, text, entries)
    return ParsedBundle(bundle.type, entries)


def _bundle_entry(entry: _Entry) -> BundleEntry:
    request = entry.request
    resource = bytes(entry.resource) or None
    if request is None:
        return BundleEntry(entry.fullUrl, None, None, None, None, None, resource)
    return BundleEntry(
        entry.fullUrl,
        request.method,
        request.url,
        request.ifNoneExist,
        request.ifMatch,
        request.ifNoneMatch,
        resource,
    )


def _refuse_unclear_frame(data: bytes, text: bytes, entries: tuple[BundleEntry, ...]) -> None:
    """Check what lies around the resources: no key twice, UTF-8, not deep.  Resources are checked when read."""
    frame, start = [], 0
    for entry in entries:
        if entry.resource:
            found = text.index(entry.resource, start)
            frame += [text[start:found], b"0"]
            start = found + len(entry.resource)
    frame.append(text[start:])
    around = b"".join(frame)
    try:
        value = orjson.loads(around)
    except orjson.JSONDecodeError:
        _refuse_text(data)
    if is_too_deep(value) or (orjson.dumps(value) != around and _has_duplicate_key(around)):
        _refuse_value(data, value)


def _refuse_bundle(data: bytes, message: str) -> NoReturn:
    """`message` is the decoder's: `Expected ..., got ... - at $.entry[0].fullUrl`; it holds JSON types only."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        _refuse_text(data)
    if not isinstance(value, dict):
        _refuse_type(value)
    path = re.search(r"at `\$([\w.\[\]]*)", message)
    missing = re.search(r"missing required field `(\w+)`", message)
    where = "Bundle" + (path[1] if path else "") + (f".{missing[1]}" if missing else "")
    raise Refusal("bundle-invalid", faults=(Fault(where, "required-missing" if missing else "element-type"),))


def _refuse_bundle_type(type_: str) -> NoReturn:
    details = {"reason": "not-a-bundle"}
    if _ELEMENT_NAME.match(type_):
        details["type"] = type_
    raise Refusal("not-a-resource", details=details)
