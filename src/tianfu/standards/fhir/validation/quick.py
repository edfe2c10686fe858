"""Know fast that a resource has no fault.

Every FHIR type becomes a msgspec struct, made when first needed; a resource that converts, strictly and without
unknown fields, keeps all rules of the walk.  The quick check may doubt a valid resource, then the walk decides;
it must never accept one that the walk would refuse: tests hold the two together.

Rare ways of writing are left to the walk: ids of elements, extensions beside repeating or choice primitives, nulls,
contained resources with `meta`, resources longer than the longest string.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from functools import cache
from operator import attrgetter
from threading import RLock
from types import ModuleType
from typing import Annotated, Any, Literal

import msgspec
import orjson
from msgspec import UNSET, UnsetType

from tianfu.standards.fhir.definitions import ElementDefinition, TypeDefinition, definitions
from tianfu.standards.fhir.depth import JSON_DEPTH_MAX, is_too_deep
from tianfu.standards.fhir.validation import formats, references
from tianfu.standards.fhir.validation.narrative import check_narrative

Doubt = ValueError
"""What a check raises; msgspec turns it into its own ValidationError."""

Check = Callable[[Any], None]

_DOUBTFUL_ESCAPES = (b"\\u00", b"\\b", b"\\f")
"""How JSON writes control characters."""


def is_surely_valid(value: Any) -> bool:
    """Whether the resource certainly has no fault."""
    try:
        text = orjson.dumps(value)
        if len(text) > formats.STRING_LENGTH_MAX or _is_doubtful(text):
            return False
        if text.count(b"{") > JSON_DEPTH_MAX // 2 and is_too_deep(value):
            return False
        msgspec.convert(value, struct_of(value["resourceType"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        return False
    return True


def _is_doubtful(text: bytes) -> bool:
    """Whether the text may hold an empty object or a control character; inside a string it costs a second look."""
    return b"{}" in text or (b"\\" in text and any(escape in text for escape in _DOUBTFUL_ESCAPES))


# --- structs ------------------------------------------------------------------------------------------------

_HOME = ModuleType(f"{__name__}.structs")
"""msgspec looks up the names in annotations in the module a struct says it is from."""

sys.modules[_HOME.__name__] = _HOME
_SPACE = vars(_HOME)
_NOT_EMPTY = msgspec.Meta(min_length=1)
_SPACE.update(Any=Any, UnsetType=UnsetType, Annotated=Annotated, NotEmpty=_NOT_EMPTY)


_BUILDING = RLock()
"""One thread builds structs; the others must not see one half made."""


@cache
def struct_of(resource_type: str) -> type[msgspec.Struct]:
    """The struct of a concrete resource type; KeyError if there is none."""
    if resource_type not in references.known_types():
        raise KeyError(resource_type)
    with _BUILDING:
        found: type[msgspec.Struct] = _SPACE[_struct(resource_type)]
        return found


def _struct(type_: str, element: ElementDefinition | None = None) -> str:
    """The name of a type's struct, as narrow as the element asks; it and all that it needs exist afterwards."""
    definition = definitions().types[type_]
    targets = element.targets if element is not None and type_ == "Reference" else ()
    binding = element.binding if element is not None and type_ == "CodeableConcept" else None
    name = _name("_".join((type_, *targets, binding or "")))
    if name not in _SPACE:
        _SPACE[name] = None  # a type may hold itself
        _SPACE[name] = _made(name, definition, targets, binding)
    return name


def _name(text: str) -> str:
    return re.sub(r"\W", "_", text)


def _made(name: str, definition: TypeDefinition, targets: tuple[str, ...], binding: str | None) -> type[msgspec.Struct]:
    fields: list[tuple[Any, ...]] = []
    rename: dict[str, str] = {}
    if definition.kind == "resource":
        fields.append(("resourceType", Literal[definition.name]))
    for element in definition.elements.values():
        fields += _fields(definition, element, targets)
    for index, field in enumerate(fields):
        # Python's own words (`class`, `for`, `import`) are element names too.
        rename[f"f{index}"] = field[0]
        fields[index] = (f"f{index}", *field[1:])
    checks = _checks(definition, binding, {json_name: name for name, json_name in rename.items()})
    return msgspec.defstruct(
        name,
        fields,
        module=_HOME.__name__,
        namespace={"__post_init__": _all_of(checks)} if checks else None,
        rename=rename,
        forbid_unknown_fields=True,
        kw_only=True,
        gc=False,
    )


def _fields(definition: TypeDefinition, element: ElementDefinition, targets: tuple[str, ...]) -> Iterable[Any]:
    """An element's fields: one per JSON name, and `_name` beside a single primitive."""
    if element.max == 0 or (element.name == "id" and definition.kind != "resource"):
        return
    for name, type_ in element.json_names().items():
        written = _annotation(definition, element, type_, targets)
        if element.repeats:
            written = f"Annotated[list[{written}], NotEmpty]"
        if element.min and not element.choice:
            yield name, written
        else:
            yield name, f"{written} | UnsetType", UNSET
        if definitions().types[type_].kind == "primitive" and not element.choice and not element.repeats:
            yield f"_{name}", f"{_struct('Element')} | UnsetType", UNSET


def _annotation(definition: TypeDefinition, element: ElementDefinition, type_: str, targets: tuple[str, ...]) -> str:
    """The annotation of one value, as text."""
    if type_ == "Resource":
        return "Any"
    if definitions().types[type_].kind != "primitive":
        return _struct(element.profile_of(type_), element)
    if definition.name == "Reference" and element.name == "reference":
        return _stored("reference", targets, lambda: _text(references.quick_pattern(targets)))
    if definition.name == "Reference" and element.name == "type":
        return _stored("type", targets, lambda: Literal[tuple(sorted(targets or references.known_types()))])
    codes = definitions().required_codes(element.binding) if element.binding else None
    if codes is not None:
        return _stored("codes", (element.binding or "",), lambda: Literal[tuple(sorted(codes))])
    return _stored("primitive", (type_,), lambda: _primitive(type_))


def _stored(kind: str, which: tuple[str, ...], make: Callable[[], Any]) -> str:
    name = _name("_".join((kind, *which)))
    if name not in _SPACE:
        _SPACE[name] = make()
    return name


def _text(pattern: str) -> Any:
    return Annotated[str, msgspec.Meta(pattern=pattern)]


def _primitive(type_: str) -> Any:
    if type_ == "boolean":
        return bool
    if type_ == "decimal":
        return int | float
    if type_ in formats.RANGES:
        low, high = formats.RANGES[type_]
        return Annotated[int, msgspec.Meta(ge=low, le=high)]
    return _text(formats.PATTERNS[type_]) if type_ in formats.PATTERNS else Annotated[str, _NOT_EMPTY]


# --- rules that a struct cannot say -------------------------------------------------------------------------


def _checks(definition: TypeDefinition, binding: str | None, names: dict[str, str]) -> list[Check]:
    """What is checked on a struct when its fields are; `names` gives the field of a JSON name."""
    checks = [_one_of(element, names) for element in definition.elements.values() if element.choice]
    if definition.name == "Extension":
        checks.append(_value_or_extension(definition.elements["value"], names))
    if definition.name == "Narrative":
        checks.append(_plain(names["div"]))
    if binding is not None and binding in definitions().codings:
        checks.append(_some_coding(names["coding"], definitions().codings[binding]))
    inner = [element.name for element in definition.elements.values() if element.types == ("Resource",)]
    return checks + [(_contained if name == "contained" else _inner)(names[name]) for name in inner]


def _all_of(checks: list[Check]) -> Check:
    if len(checks) == 1:
        return checks[0]

    def check(self: Any) -> None:
        for one in checks:
            one(self)

    return check


def _one_of(element: ElementDefinition, names: dict[str, str]) -> Check:
    """Of a choice at most one is given, and one if it is required."""
    values = attrgetter(*(names[name] for name in element.json_names()))
    empty_at_least = len(element.types) - 1
    is_right = {empty_at_least} if element.min else {empty_at_least, empty_at_least + 1}

    def check(self: Any) -> None:
        if values(self).count(UNSET) not in is_right:
            raise Doubt

    return check


def _value_or_extension(value: ElementDefinition, names: dict[str, str]) -> Check:
    values = attrgetter(*(names[name] for name in value.json_names()), names["extension"])
    unset = len(value.types)

    def check(self: Any) -> None:
        if values(self).count(UNSET) != unset:
            raise Doubt

    return check


def _plain(div: str) -> Check:
    text = attrgetter(div)

    def check(self: Any) -> None:
        if check_narrative(text(self)) is not None:
            raise Doubt

    return check


def _some_coding(coding: str, allowed: frozenset[tuple[str, str]]) -> Check:
    codings = attrgetter(coding)
    pair = attrgetter(*_coding_fields())

    def check(self: Any) -> None:
        found = codings(self)
        if found is UNSET or not any(pair(one) in allowed for one in found):
            raise Doubt

    return check


@cache
def _coding_fields() -> tuple[str, str]:
    """The fields of a coding's system and code."""
    encoded = {field.encode_name: field.name for field in msgspec.structs.fields(_SPACE[_struct("Coding")])}
    return encoded["system"], encoded["code"]


def _inner(field: str) -> Check:
    resource = attrgetter(field)

    def check(self: Any) -> None:
        value = resource(self)
        if value is not UNSET:
            msgspec.convert(value, struct_of(value["resourceType"]))

    return check


def _contained(field: str) -> Check:
    resources = attrgetter(field)

    def check(self: Any) -> None:
        values = resources(self)
        if values is not UNSET:
            for value in values:
                _check_contained(value)

    return check


def _check_contained(value: Any) -> None:
    if "id" not in value or "contained" in value or "meta" in value:
        raise Doubt
    msgspec.convert(value, struct_of(value["resourceType"]))
