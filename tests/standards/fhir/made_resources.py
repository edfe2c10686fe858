"""Valid resources of every type, made at random from the definitions, with the places where they can be spoilt."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from tianfu.standards.fhir.definitions import ElementDefinition, definitions

DEFINITIONS = definitions()

GOOD: dict[str, list[Any]] = {
    "base64Binary": ["QQ==", "QUI=", "QUJD", "QUJD REVG"],
    "boolean": [True, False],
    "canonical": ["http://example.org/a|1", "#a"],
    "code": ["a", "two words"],
    "date": ["2020", "2020-02", "2020-02-29"],
    "dateTime": ["2020", "2020-02", "2020-02-29", "2020-02-29T23:59:60+08:00", "2020-02-29T00:00:00.123456Z"],
    "decimal": [0, -1, 1.5, 1e300],
    "id": ["a", "A-1.b", "x" * 64],
    "instant": ["2020-02-29T00:00:00Z", "2020-02-29T00:00:00.5-14:00"],
    "integer": [0, -(2**31), 2**31 - 1],
    "markdown": ["*a*\n\n- b", "王小明"],
    "oid": ["urn:oid:1.2.156.10011"],
    "positiveInt": [1, 2**31 - 1],
    "string": ["a", " a b ", "王小明\t第一\r\n第二", "𠮷"],
    "time": ["00:00:00", "23:59:59.999"],
    "unsignedInt": [0, 2**31 - 1],
    "uri": ["http://example.org/", "urn:uuid:a", "relative"],
    "url": ["http://example.org/", "mailto:a@example.org"],
    "uuid": ["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"],
    "xhtml": ['<div xmlns="http://www.w3.org/1999/xhtml"><p>a</p></div>'],
}

BAD: dict[str, list[Any]] = {
    "base64Binary": ["Q", "QUJ", "QQ=", "Q===", "QU=J", "Q!==", "", 1, "QQ===", " "],
    "boolean": ["true", 0, 1, ""],
    "canonical": ["a b", "", " ", "\n", 1],
    "code": [" a", "a ", "a  b", "a\nb", "a\n", "", 1, True],
    "date": [
        "2020-13",
        "2020-00",
        "2020-2-1",
        "20200201",
        "2021-02-29",
        "2020-04-31",
        "0000",
        "2020-02-29\n",
        "2020Z",
        2020,
    ],
    "dateTime": [
        *("2020-02-30", "2020-02-29T00:00", "2020-02-29T00:00:00", "2020-02-29T24:00:00Z", "2020-02-29 00:00:00Z"),
        *("2020-02-29T00:00:00+15:00", "2020-02-29t00:00:00z", "2020-02-29T00:00:00.Z", "2100-02-29", 2020),
    ],
    "decimal": ["1", True, ""],
    "id": ["", "a b", "a_b", "x" * 65, "a\n", "王", 1],
    "instant": ["2020", "2020-02-29", "2020-02-29T00:00:00", "2021-02-29T00:00:00Z", 0],
    "integer": [1.0, 1.5, "1", True, 2**31, -(2**31) - 1],
    "markdown": ["", "\x00", 1],
    "oid": ["urn:oid:3.1", "1.2.3", "urn:oid:1.02", "urn:oid:1"],
    "positiveInt": [0, -1, 1.5, "1", True, 2**31],
    "string": ["", "\x01", "a\x0bb", 1, True],
    "time": ["24:00:00", "00:00", "00:00:00Z", "0:00:00"],
    "unsignedInt": [-1, 0.5, "0", False, 2**31],
    "uri": ["", "a b", "a\n", "\u00a0", 1],
    "url": ["", "a b", 1],
    "uuid": ["urn:uuid:C757873D-EC9A-4326-A141-556F43239520", "c757873d-ec9a-4326-a141-556f43239520"],
    "xhtml": ["", "text", "<div/>", 1],
}


LEFT_OUT = {"Extension": ("id", "extension", "value")}
NOT_INNER = ("contained", "meta")


@dataclass(frozen=True, slots=True)
class Place:
    """One element's value: `parent[key]` (or `parent[key][index]`), its path, and what the definitions say of it."""

    parent: dict[str, Any]
    parent_path: str
    key: str
    index: int | None
    element: ElementDefinition
    type: str

    @property
    def element_path(self) -> str:
        """The path of the element, without an index."""
        return f"{self.parent_path}.{self.element.name}"

    @property
    def path(self) -> str:
        """The path of this value."""
        return self.element_path if self.index is None else f"{self.element_path}[{self.index}]"

    def put(self, value: object) -> None:
        """Replace the value."""
        if self.index is None:
            self.parent[self.key] = value
        else:
            self.parent[self.key][self.index] = value


@dataclass(slots=True)
class Maker:
    """Makes resources and remembers their places."""

    random: Random
    places: list[Place] = field(default_factory=list)

    def resource(self, type_: str, *, depth: int = 0, path: str = "") -> dict[str, Any]:
        """A valid resource."""
        value = self.members(type_, path or type_, depth=depth)
        value["resourceType"] = type_
        return value

    def members(self, type_: str, path: str, *, depth: int) -> dict[str, Any]:
        """The members of a valid value: all that are required, some that are not, fewer the deeper."""
        value: dict[str, Any] = {}
        elements = DEFINITIONS.types[type_].elements.values()
        for element in elements:
            if element.max == 0 or element.name in LEFT_OUT.get(type_, ()) or (depth and element.name in NOT_INNER):
                continue
            # Ids of elements are rare in life.
            share = 0.01 if element.name == "id" and depth else 0.4 / (1 + depth) ** 2
            if element.min or self.random.random() < share:
                self.add(value, element, path, depth=depth)
        if type_ == "Extension":
            self.add(value, DEFINITIONS.types["Extension"].elements["value"], path, depth=depth)
        elif not value or not value.keys() - {"id"}:
            optional = [e for e in elements if e.max != 0 and e.name not in ("id", "extension", "modifierExtension")]
            self.add(value, self.random.choice(optional or list(elements)), path, depth=depth)
        return value

    def add(self, value: dict[str, Any], element: ElementDefinition, path: str, *, depth: int) -> None:
        """Give a value one element."""
        names = element.json_names()
        if depth > 3 and element.choice:
            names = {
                name: type_ for name, type_ in names.items() if DEFINITIONS.types[type_].kind == "primitive"
            } or names
        key, type_ = self.random.choice(list(names.items()))
        here = f"{path}.{element.name}"
        if not element.repeats:
            value[key] = self.one(type_, element, here, depth=depth)
            self.places.append(Place(value, path, key, None, element, type_))
            return
        count = self.random.choice((1, 1, 2))
        value[key] = [self.one(type_, element, f"{here}[{index}]", depth=depth) for index in range(count)]
        self.places += [Place(value, path, key, index, element, type_) for index in range(count)]

    def one(self, type_: str, element: ElementDefinition, path: str, *, depth: int) -> Any:
        """One value of a type."""
        codes = DEFINITIONS.required_codes(element.binding) if element.binding else None
        if type_ in GOOD:
            return self.random.choice(sorted(codes)) if codes and type_ == "code" else self.random.choice(GOOD[type_])
        if type_ == "Resource":
            inner = self.resource("Basic", depth=depth + 2, path=path)
            inner["id"] = "inner"
            return inner
        if type_ == "Reference":
            target = self.random.choice(element.targets or ("Patient", "Endpoint"))
            return {
                "reference": self.random.choice((f"{target}/1", f"https://example.org/{target}/1", "#a", "urn:uuid:1"))
            }
        if codes:
            system, code = self.random.choice(sorted(DEFINITIONS.codings[element.binding or ""]))
            return {"coding": [{"system": system, "code": code}]}
        return self.members(element.profile_of(type_), path, depth=depth + 1)


def maker_of(seed: int) -> Maker:
    """A maker that makes the same again for the same seed."""
    return Maker(Random(seed))
