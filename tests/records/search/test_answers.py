"""Searches answered by PostgreSQL compared with searches answered by looking at every resource in turn.

Resources and questions are drawn from a seeded generator; the judge below reads the resources' JSON by hand and
knows nothing of index values, hashes or tables.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from tests.desk import DESK
from tests.made_up_keys import made_up_keys

from tianfu.access.purpose import Purpose
from tianfu.db import Database
from tianfu.kernel.instants import EARLIEST, LATEST, range_of, system_clock
from tianfu.records.audit import NoAuditor
from tianfu.records.store import SearchRequest, Store
from tianfu.standards.fhir.parsing import parse_resource

pytestmark = pytest.mark.anyio

Resource = dict[str, Any]
Judge = Callable[[Resource, str], bool]

CODES = [
    ("http://loinc.org", "8302-2"),
    ("http://loinc.org", "29463-7"),
    ("urn:made-up:codes", "8302-2"),
    ("", "local"),
]
UNITS = [("http://unitsofmeasure.org", "kg"), ("http://unitsofmeasure.org", "cm"), ("", "kg")]
DAYS = [
    "2019",
    "2019-02",
    "2019-02-03",
    "2019-02-03T10:00:00+08:00",
    "2019-02-03T02:00:00.5Z",
    "2019-12-31",
    "2020-01-01",
]
NAMES = ["张伟", "张玮", "Müller", "muller-Li", "de la Cruz", "DE", "李 娜"]
URLS = ["http://a.example/x", "http://a.example/x/y", "http://b.example/x"]
QUESTIONS = 600


@dataclass(frozen=True)
class Draw:
    """Draws resources."""

    chance: random.Random

    def maybe(self, make: Callable[[], Any], *, often: float = 0.8) -> Any:
        return make() if self.chance.random() < often else None

    def coding(self) -> Resource:
        system, code = self.chance.choice(CODES)
        return {"code": code, **({"system": system} if system else {})}

    def concept(self) -> Resource:
        return {"coding": [self.coding() for _ in range(self.chance.choice([1, 1, 2, 3]))]}

    def quantity(self) -> Resource:
        system, code = self.chance.choice(UNITS)
        unit = {"code": code, "system": system} if system else {"unit": code}
        return {"value": self.chance.choice([5, 5.4, 99.6, 100, 100.4, 0.5, -3]), **unit}

    def period(self) -> Resource:
        days = sorted(self.chance.sample(DAYS, 2), key=lambda day: range_of(day))
        return without_none({"start": self.maybe(lambda: days[0]), "end": self.maybe(lambda: days[1])}) or {
            "start": days[0]
        }

    def observation(self, number: int) -> Resource:
        when = self.chance.choice(["effectiveDateTime", "effectivePeriod", "none"])
        return without_none(
            {
                "resourceType": "Observation",
                "id": f"o{number}",
                "meta": self.maybe(lambda: {"profile": [self.chance.choice(URLS)]}, often=0.5),
                "status": self.chance.choice(["final", "amended", "preliminary"]),
                "code": self.concept(),
                "category": self.maybe(lambda: [self.concept() for _ in range(self.chance.choice([1, 2]))]),
                "subject": self.maybe(
                    lambda: {"reference": self.chance.choice(["Patient/p0", "Patient/p1", "Group/p1", "Device/d"])}
                ),
                "performer": self.maybe(
                    lambda: [
                        {"reference": reference}
                        for reference in self.chance.sample(
                            ["Practitioner/a", "Organization/a", "http://far.example/Practitioner/b", "Patient/p0"], 2
                        )
                    ]
                ),
                "encounter": self.maybe(lambda: {"reference": f"Encounter/e{self.chance.randrange(3)}"}),
                "valueQuantity": self.maybe(self.quantity),
                "component": self.maybe(
                    lambda: [{"code": self.concept(), "valueQuantity": self.quantity()} for _ in range(2)], often=0.5
                ),
                **(
                    {when: self.chance.choice(DAYS)}
                    if when == "effectiveDateTime"
                    else {when: self.period()}
                    if when == "effectivePeriod"
                    else {}
                ),
            }
        )

    def patient(self, number: int) -> Resource:
        return without_none(
            {
                "resourceType": "Patient",
                "id": f"p{number}",
                "active": self.maybe(lambda: self.chance.choice([True, False])),
                "gender": self.maybe(lambda: self.chance.choice(["male", "female"])),
                "birthDate": self.maybe(lambda: self.chance.choice(["1990", "1990-04", "1990-04-05"])),
                "name": self.maybe(
                    lambda: [{"family": self.chance.choice(NAMES), "given": [self.chance.choice(NAMES)]}]
                ),
                "identifier": self.maybe(
                    lambda: [
                        without_none({"system": self.maybe(lambda: "urn:s"), "value": self.chance.choice(["A1", "B2"])})
                    ]
                ),
            }
        )

    def question(self) -> tuple[str, str, str]:
        """Type, parameter and value of a search."""
        kind, name, draw = self.chance.choice(self.parameters())
        values = [draw() for _ in range(self.chance.choice([1, 1, 1, 2]))]
        if self.chance.random() < 0.1 and kind != "composite":
            return resource_type(name), f"{name}:missing", self.chance.choice(["true", "false"])
        if kind == "token" and self.chance.random() < 0.15 and name not in {"_id", "identifier"}:
            return resource_type(name), f"{name}:not", ",".join(values)
        return resource_type(name), name, ",".join(values)

    def parameters(self) -> Sequence[tuple[str, str, Callable[[], str]]]:
        return [
            ("date", "date", self.date),
            ("date", "birthdate", self.date),
            ("token", "code", self.token),
            ("token", "category", self.token),
            ("token", "combo-code", self.token),
            ("token", "component-code", self.token),
            ("token", "status", lambda: self.chance.choice(["final", "amended"])),
            ("token", "active", lambda: self.chance.choice(["true", "false"])),
            ("token", "gender", lambda: self.chance.choice(["male", "female"])),
            ("token", "identifier", lambda: self.chance.choice(["A1", "urn:s|A1", "|A1", "urn:t|A1", "B2"])),
            ("quantity", "value-quantity", self.amount),
            ("quantity", "component-value-quantity", self.amount),
            ("quantity", "combo-value-quantity", self.amount),
            ("composite", "code-value-quantity", lambda: f"{self.token(system_only=False)}${self.amount()}"),
            ("composite", "component-code-value-quantity", lambda: f"{self.token(system_only=False)}${self.amount()}"),
            ("composite", "combo-code-value-quantity", lambda: f"{self.token(system_only=False)}${self.amount()}"),
            ("reference", "subject", lambda: self.chance.choice(["Patient/p1", "p1", "Group/p1", "Device/d", "x"])),
            ("reference", "patient", lambda: self.chance.choice(["p0", "Patient/p1", "x"])),
            ("reference", "encounter", lambda: self.chance.choice(["e0", "Encounter/e1"])),
            (
                "reference",
                "performer",
                lambda: self.chance.choice(["a", "Practitioner/a", "Practitioner/b", "Patient/p0"]),
            ),
            ("string", "name", lambda: self.chance.choice(["张", "zhang", "mul", "DE", "de la", "李娜", "cruz"])),
            ("string", "family", lambda: self.chance.choice(["张伟", "Mu", "DE", "la"])),
            ("uri", "_profile", lambda: self.chance.choice([*URLS, "http://a.example"])),
        ]

    def date(self) -> str:
        prefix = self.chance.choice(["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"])
        return prefix + self.chance.choice([*DAYS, "1990-04", "1990-04-05", "2018"])

    def token(self, *, system_only: bool = True) -> str:
        system, code = self.chance.choice(CODES)
        forms = [code, f"{system}|{code}", f"|{code}"]
        return self.chance.choice([*forms, f"{system}|"] if system_only and system else forms)

    def amount(self) -> str:
        prefix = self.chance.choice(["", "eq", "ne", "gt", "lt", "ge", "le", "ap"])
        number = self.chance.choice(["5", "5.4", "100", "1e2", "-3", "0.50"])
        unit = self.chance.choice(["", "", "|http://unitsofmeasure.org|kg", "||kg", "||cm"])
        return f"{prefix}{number}{unit}"


def without_none(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def resource_type(name: str) -> str:
    return "Patient" if name in {"birthdate", "active", "gender", "identifier", "name", "family"} else "Observation"


# The judge


def prefixed(value: str, otherwise: str = "eq") -> tuple[str, str]:
    known = {"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"}
    return (value[:2], value[2:]) if value[:2] in known else (otherwise, value)


def dates_of(resource: Resource) -> list[tuple[int, int]]:
    found = [range_of(resource[name]) for name in ("effectiveDateTime", "birthDate") if name in resource]
    period = resource.get("effectivePeriod")
    if period:
        low = range_of(period["start"])[0] if "start" in period else EARLIEST
        high = range_of(period["end"])[1] if "end" in period else LATEST
        if low <= high:
            found.append((low, high))
    return found


def date_matches(value: str, low: int, high: int) -> bool:
    prefix, text = prefixed(value)
    first, last = range_of(text)
    contained = first <= low and high <= last
    match prefix:
        case "eq":
            return contained
        case "ne":
            return not contained
        case "gt":
            return high > last
        case "lt":
            return low < first
        case "ge":
            return high > last or contained
        case "le":
            return low < first or contained
        case "sa":
            return low > last
        case _:
            return high < first


def coding_matches(value: str, coding: Resource) -> bool:
    system, bar, code = value.rpartition("|")
    if not bar:
        return bool(coding["code"] == code)
    if not code:
        return bool(coding.get("system", "") == system)
    return bool(coding["code"] == code and coding.get("system", "") == system)


def codings(concepts: Iterable[Resource]) -> list[Resource]:
    return [coding for concept in concepts for coding in concept["coding"]]


def number_matches(value: str, quantity: Resource) -> bool:
    number, _, rest = value.partition("|")
    system, _, unit = rest.partition("|")
    if unit and quantity.get("code", quantity.get("unit")) != unit:
        return False
    if system and quantity.get("system") != system:
        return False
    prefix, text = prefixed(number)
    asked, held = float(text), float(quantity["value"])
    digits = {"5": 0.5, "5.4": 0.05, "100": 0.5, "1e2": 50.0, "-3": 0.5, "0.50": 0.005}[text]
    match prefix:
        case "eq":
            return asked - digits <= held < asked + digits
        case "ne":
            return not asked - digits <= held < asked + digits
        case "gt":
            return held > asked
        case "lt":
            return held < asked
        case "ge":
            return held >= asked
        case "le":
            return held <= asked
        case _:
            return abs(held - asked) <= abs(asked) * 0.1 + 1e-12


def reference_matches(value: str, reference: str) -> bool:
    is_here = ":" not in reference
    return reference == value if "/" in value else is_here and reference.endswith(f"/{value}")


def plain(text: str) -> str:
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return bare.casefold()


PINYIN = {"张伟": ["zhangwei", "zw"], "张玮": ["zhangwei", "zw"], "李 娜": ["lina", "ln"]}


def words_of(resource: Resource, *, family_only: bool) -> list[str]:
    words: list[str] = []
    for name in resource.get("name", ()):
        words.append(name["family"])
        if not family_only:
            words.extend(name["given"])
            words.append(
                f"{name['family']} {name['given'][0]}"
                if name["family"].isascii()
                else name["family"] + name["given"][0]
            )
    return words


def name_matches(value: str, words: list[str]) -> bool:
    def squeezed(text: str) -> str:
        return plain(text).replace(" ", "").replace("-", "")

    for word in words:
        if plain(word).startswith(plain(value)) or squeezed(word).startswith(squeezed(value)):
            return True
        if any(key.startswith(squeezed(value)) for key in PINYIN.get(word, ())):
            return True
    # A full name of two drawn names may begin with the pinyin of the first.
    return any(
        key.startswith(squeezed(value))
        for word in words
        for known, keys in PINYIN.items()
        if word.startswith(known)
        for key in keys[:1]
    )


def values_of(name: str, resource: Resource) -> list[Any]:
    """What a parameter finds in a resource."""
    components = resource.get("component", [])
    own = [resource["valueQuantity"]] if "valueQuantity" in resource else []
    match name:
        case "date" | "birthdate":
            return dates_of(resource)
        case "code":
            return codings([resource["code"]])
        case "category":
            return codings(resource.get("category", []))
        case "component-code":
            return codings(each["code"] for each in components)
        case "combo-code":
            return codings([resource["code"], *(each["code"] for each in components)])
        case "status" | "gender" | "active":
            return [{"code": str(resource[name]).lower()}] if name in resource else []
        case "identifier":
            return [
                {"code": each["value"], **({"system": each["system"]} if "system" in each else {})}
                for each in resource.get("identifier", [])
            ]
        case "value-quantity":
            return own
        case "component-value-quantity":
            return [each["valueQuantity"] for each in components]
        case "combo-value-quantity":
            return [*own, *(each["valueQuantity"] for each in components)]
        case "subject":
            return [resource["subject"]["reference"]] if "subject" in resource else []
        case "patient":
            return [each for each in values_of("subject", resource) if each.startswith("Patient/")]
        case "encounter":
            return [resource["encounter"]["reference"]] if "encounter" in resource else []
        case "performer":
            return [each["reference"] for each in resource.get("performer", [])]
        case "name":
            return words_of(resource, family_only=False)
        case "family":
            return words_of(resource, family_only=True)
        case "_profile":
            return list(resource.get("meta", {}).get("profile", []))
        case _:
            raise AssertionError(name)


def matches(name: str, value: str, resource: Resource) -> bool:
    """Whether a resource has one of the alternatives."""
    return any(one_matches(name, alternative, resource) for alternative in value.split(","))


def one_matches(name: str, value: str, resource: Resource) -> bool:
    if "$" in value:
        code, amount = value.split("$")
        own, parts = [resource], resource.get("component", [])
        among = {"code": own, "component-code": parts, "combo-code": [*own, *parts]}[
            name.removesuffix("-value-quantity")
        ]
        return any(
            any(coding_matches(code, coding) for coding in codings([each["code"]]))
            and number_matches(amount, each["valueQuantity"])
            for each in among
            if "valueQuantity" in each
        )
    values = values_of(name, resource)
    if name in {"date", "birthdate"}:
        return any(date_matches(value, *each) for each in values)
    if name.endswith("quantity"):
        return any(number_matches(value, each) for each in values)
    if name in {"subject", "patient", "encounter", "performer"}:
        return any(reference_matches(value, each) for each in values)
    if name in {"name", "family"}:
        return name_matches(value, values)
    if name == "_profile":
        return value in values
    return any(coding_matches(value, each) for each in values)


def judged(name: str, value: str, resources: Iterable[Resource]) -> set[str]:
    base, _, modifier = name.partition(":")
    match modifier:
        case "missing":
            return {each["id"] for each in resources if (values_of(base, each) == []) == (value == "true")}
        case "not":
            return {each["id"] for each in resources if not matches(base, value, each)}
        case _:
            return {each["id"] for each in resources if matches(base, value, each)}


@pytest.fixture
async def store(database_on_each_engine: Database) -> Store:
    return await Store.open(
        database_on_each_engine, auditor=NoAuditor(), clock=system_clock, keys=made_up_keys(b"s" * 32)
    )


async def answered(store: Store, resource_type: str, *parameters: tuple[str, str]) -> list[str]:
    wanted = SearchRequest(type=resource_type, parameters=(*parameters, ("_count", "1000")))
    page = await store.search(DESK, Purpose.TREATMENT, wanted)
    return [record.id for record in page.records]


async def test_every_kind_of_parameter_finds_what_a_look_at_every_resource_finds(store: Store) -> None:
    draw = Draw(random.Random(20_260_101))
    resources = [draw.observation(n) for n in range(120)] + [draw.patient(n) for n in range(60)]
    for resource in resources:
        parsed = parse_resource(orjson.dumps(resource))
        await store.update(DESK, Purpose.TREATMENT, parsed, resource["id"])
    by_type = {t: [r for r in resources if r["resourceType"] == t] for t in ("Observation", "Patient")}
    found_some = 0
    for _ in range(QUESTIONS):
        kind, name, value = draw.question()
        expected = judged(name, value, by_type[kind])
        found = await answered(store, kind, (name, value))
        assert len(found) == len(set(found)), (name, value)
        assert set(found) == expected, (name, value)
        bound = [each for each in by_type["Observation"] if each.get("subject", {}).get("reference") == "Patient/p1"]
        if kind == "Observation":
            # The same question within one patient's records takes another road.
            within = await answered(store, kind, ("patient", "p1"), (name, value))
            assert set(within) == judged(name, value, bound), ("patient=p1", name, value)
        found_some += 0 < len(expected) < len(by_type[kind])
    assert found_some > QUESTIONS // 2
