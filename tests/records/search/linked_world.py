"""A small made-up world of linked records, drawn from a seed, and a judge that follows its references by hand.

The judge reads the resources' JSON and knows nothing of index values, hashes, columns or tables.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Resource = dict[str, Any]

NAMES = ["王芳", "李娜", "张伟", "赵敏", "Quill", "Dodd"]
CODES = ["8302-2", "29463-7", "8867-4"]
DAYS = ["2023-05-01", "2024-02-03", "2024-06-30", "2025-01-01"]
LOINC = "http://loinc.org"

REFERENCES: Mapping[tuple[str, str], Callable[[Resource], list[Any]]] = {
    ("Patient", "general-practitioner"): lambda r: r.get("generalPractitioner", []),
    ("Patient", "organization"): lambda r: [r.get("managingOrganization")],
    ("Patient", "link"): lambda r: [each["other"] for each in r.get("link", [])],
    ("Organization", "partof"): lambda r: [r.get("partOf")],
    ("Encounter", "subject"): lambda r: [r.get("subject")],
    ("Encounter", "patient"): lambda r: patients([r.get("subject")]),
    ("Encounter", "service-provider"): lambda r: [r.get("serviceProvider")],
    ("Encounter", "participant"): lambda r: [each["individual"] for each in r.get("participant", [])],
    ("Observation", "subject"): lambda r: [r.get("subject")],
    ("Observation", "patient"): lambda r: patients([r.get("subject")]),
    ("Observation", "encounter"): lambda r: [r.get("encounter")],
    ("Observation", "performer"): lambda r: r.get("performer", []),
    ("Observation", "has-member"): lambda r: r.get("hasMember", []),
    ("DocumentReference", "subject"): lambda r: [r.get("subject")],
    ("DocumentReference", "patient"): lambda r: patients([r.get("subject")]),
    ("DocumentReference", "encounter"): lambda r: r.get("context", {}).get("encounter", []),
    ("DocumentReference", "author"): lambda r: r.get("author", []),
    ("Appointment", "actor"): lambda r: [each["actor"] for each in r["participant"]],
    ("Appointment", "patient"): lambda r: patients(each["actor"] for each in r["participant"]),
    ("Appointment", "practitioner"): lambda r: [
        each["actor"] for each in r["participant"] if each["actor"]["reference"].startswith("Practitioner/")
    ],
    ("Group", "member"): lambda r: [each["entity"] for each in r.get("member", [])],
}
"""Where the references of a parameter stand in a resource."""

TARGETS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("Patient", "general-practitioner"): ("Practitioner", "Organization"),
    ("Patient", "organization"): ("Organization",),
    ("Patient", "link"): ("Patient",),
    ("Organization", "partof"): ("Organization",),
    ("Encounter", "subject"): ("Patient", "Group"),
    ("Encounter", "patient"): ("Patient",),
    ("Encounter", "service-provider"): ("Organization",),
    ("Encounter", "participant"): ("Practitioner",),
    ("Observation", "subject"): ("Patient", "Group"),
    ("Observation", "patient"): ("Patient",),
    ("Observation", "encounter"): ("Encounter",),
    ("Observation", "performer"): ("Practitioner", "Organization", "Patient"),
    ("Observation", "has-member"): ("Observation",),
    ("DocumentReference", "subject"): ("Patient", "Group", "Practitioner"),
    ("DocumentReference", "patient"): ("Patient",),
    ("DocumentReference", "encounter"): ("Encounter",),
    ("DocumentReference", "author"): ("Practitioner", "Organization", "Patient"),
    ("Appointment", "actor"): ("Patient", "Practitioner"),
    ("Appointment", "patient"): ("Patient",),
    ("Appointment", "practitioner"): ("Practitioner",),
    ("Group", "member"): ("Patient",),
}
"""Which of this world's types a parameter leads to."""

ONE_TYPE = frozenset(
    {
        "patient", "organization", "partof", "service-provider", "encounter", "practitioner",
    }
)  # fmt: skip
"""Parameters through which a chain needs to name no type."""

NEEDS_NO_TYPE = frozenset({("Encounter", "subject"), ("Patient", "general-practitioner"), ("Observation", "performer")})
"""Those that may point to several types, all of which a chain without a type looks at."""

LEAVES: Mapping[str, tuple[str, ...]] = {
    "Patient": ("name", "gender", "identifier", "birthdate", "gender:not", "name:exact", "active:missing", "_id"),
    "Practitioner": ("name", "identifier", "name:contains"),
    "Organization": ("name", "identifier"),
    "Encounter": ("status", "class", "date"),
    "Observation": ("code", "status", "date", "code:not", "encounter:missing"),
    "DocumentReference": ("status", "date:missing"),
    "Appointment": ("status",),
    "Group": ("type", "identifier"),
}
"""Parameters with values of each type, by which a chain may end."""


def patients(references: Iterable[Any]) -> list[Any]:
    """Those that name a Patient."""
    return [each for each in references if each and each["reference"].startswith("Patient/")]


def without_none(members: Resource) -> Resource:
    return {name: value for name, value in members.items() if value is not None}


@dataclass(frozen=True)
class Draw:
    """Draws records and questions."""

    chance: random.Random

    def maybe(self, value: Any, *, often: float = 0.75) -> Any:
        return value if self.chance.random() < often else None

    def pick(self, kind: str, most: int) -> Resource:
        # A number beyond the last record is a reference to what is not there.
        return {"reference": f"{kind}/{kind[0].lower()}{self.chance.randrange(most + 1)}"}

    def identifier(self) -> list[Resource]:
        return [{"system": "urn:made-up", "value": self.chance.choice(["A1", "B2", "C3"])}]

    def code(self) -> Resource:
        return {"coding": [{"system": LOINC, "code": self.chance.choice(CODES)}]}

    def any_of(self, *kinds: tuple[str, int]) -> Resource:
        return self.pick(*self.chance.choice(kinds))

    def several(self, *kinds: tuple[str, int]) -> list[Resource]:
        return [self.any_of(*kinds) for _ in range(self.chance.choice([1, 1, 2, 3]))]

    def world(self) -> list[Resource]:
        """Records of eight types, with references among them and some to nothing."""
        made = [self.patient(n) for n in range(9)]
        made += [self.practitioner(n) for n in range(4)]
        made += [self.organization(n) for n in range(4)]
        made += [self.encounter(n) for n in range(14)]
        made += [self.observation(n) for n in range(40)]
        made += [self.document(n) for n in range(14)]
        made += [self.appointment(n) for n in range(10)]
        made += [self.group(n) for n in range(3)]
        return [without_none(each) for each in made]

    def patient(self, number: int) -> Resource:
        return {
            "resourceType": "Patient",
            "id": f"p{number}",
            "name": [{"text": self.chance.choice(NAMES)}],
            "gender": self.maybe(self.chance.choice(["male", "female"])),
            "birthDate": self.maybe(self.chance.choice(["1950-01-01", "1990-04-05", "2020-10-10"])),
            "active": self.maybe(self.chance.choice([True, False]), often=0.5),
            "identifier": self.maybe(self.identifier()),
            "generalPractitioner": self.maybe(self.several(("Practitioner", 4), ("Organization", 4))),
            "managingOrganization": self.maybe(self.pick("Organization", 4)),
            "link": self.maybe([{"other": self.pick("Patient", 9), "type": "seealso"}], often=0.5),
        }

    def practitioner(self, number: int) -> Resource:
        return {
            "resourceType": "Practitioner",
            "id": f"p{number}",
            "name": [{"text": self.chance.choice(NAMES)}],
            "identifier": self.maybe(self.identifier()),
        }

    def organization(self, number: int) -> Resource:
        return {
            "resourceType": "Organization",
            "id": f"o{number}",
            "name": self.chance.choice(NAMES),
            "identifier": self.maybe(self.identifier()),
            "partOf": self.maybe(self.pick("Organization", 4)),
        }

    def encounter(self, number: int) -> Resource:
        return {
            "resourceType": "Encounter",
            "id": f"e{number}",
            "status": self.chance.choice(["finished", "in-progress"]),
            "class": {"code": self.chance.choice(["AMB", "IMP"]), "system": "urn:made-up:class"},
            "subject": self.maybe(self.any_of(("Patient", 9), ("Patient", 9), ("Group", 3))),
            "period": self.maybe({"start": (day := self.chance.choice(DAYS)), "end": day}),
            "serviceProvider": self.maybe(self.pick("Organization", 4)),
            "participant": self.maybe([{"individual": each} for each in self.several(("Practitioner", 4))]),
        }

    def observation(self, number: int) -> Resource:
        return {
            "resourceType": "Observation",
            "id": f"o{number}",
            "status": self.chance.choice(["final", "amended"]),
            "code": self.code(),
            "subject": self.maybe(self.any_of(("Patient", 9), ("Patient", 9), ("Patient", 9), ("Group", 3))),
            "effectiveDateTime": self.maybe(self.chance.choice(DAYS)),
            "encounter": self.maybe(self.pick("Encounter", 14)),
            "performer": self.maybe(self.several(("Practitioner", 4), ("Organization", 4), ("Patient", 9))),
            "hasMember": self.maybe(self.several(("Observation", 40)), often=0.3),
        }

    def document(self, number: int) -> Resource:
        return {
            "resourceType": "DocumentReference",
            "id": f"d{number}",
            "status": self.chance.choice(["current", "superseded"]),
            "subject": self.maybe(self.any_of(("Patient", 9), ("Patient", 9), ("Group", 3), ("Practitioner", 4))),
            "date": self.maybe(f"{self.chance.choice(DAYS)}T10:00:00+08:00"),
            "author": self.maybe(self.several(("Practitioner", 4), ("Organization", 4), ("Patient", 9))),
            "context": self.maybe({"encounter": self.several(("Encounter", 14))}),
            "content": [{"attachment": {"title": "made up"}}],
        }

    def appointment(self, number: int) -> Resource:
        actors = self.several(("Patient", 9), ("Patient", 9), ("Practitioner", 4))
        return {
            "resourceType": "Appointment",
            "id": f"a{number}",
            "status": self.chance.choice(["booked", "fulfilled"]),
            "participant": [{"actor": each, "status": "accepted"} for each in actors],
        }

    def group(self, number: int) -> Resource:
        return {
            "resourceType": "Group",
            "id": f"g{number}",
            "type": "person",
            "actual": True,
            "identifier": self.maybe(self.identifier()),
            "member": self.maybe([{"entity": each} for each in self.several(("Patient", 9))]),
        }

    # Questions

    def question(self) -> tuple[str, str, str]:
        """Type, name and value of a condition on linked records."""
        kind = self.chance.choice(list(LEAVES))
        steps = self.chance.choice([1, 1, 1, 2, 2, 3])
        name, leaf_type = self.steps(kind, steps)
        leaf = self.chance.choice(LEAVES[leaf_type])
        return kind, name + leaf, self.value(leaf)

    def steps(self, kind: str, steps: int) -> tuple[str, str]:
        """The beginning of a chain of so many steps, and the type at which it ends."""
        if steps == 0:
            return "", kind
        forward = [key for key in TARGETS if key[0] == kind]
        backward = [key for key, targets in TARGETS.items() if kind in targets]
        chosen = self.chance.choice([*forward, *backward])
        if chosen in forward and (chosen not in backward or self.chance.random() < 0.5):
            target = self.chance.choice(TARGETS[chosen])
            rest, end = self.steps(target, steps - 1)
            is_plain = chosen[1] in ONE_TYPE and not rest.startswith("_has") and self.chance.random() < 0.5
            return f"{chosen[1]}.{rest}" if is_plain else f"{chosen[1]}:{target}.{rest}", end
        rest, end = self.steps(chosen[0], steps - 1)
        return f"_has:{chosen[0]}:{chosen[1]}:{rest}", end

    def value(self, leaf: str) -> str:
        """A value for a parameter."""
        match leaf.partition(":")[0]:
            case _ if leaf.endswith(":missing"):
                return self.chance.choice(["true", "false"])
            case "name":
                return self.chance.choice([*NAMES, "李"])
            case "gender":
                return self.chance.choice(["male", "female", "male,female"])
            case "identifier":
                return self.chance.choice(["A1", "urn:made-up|B2", "B2,C3"])
            case "birthdate":
                return self.chance.choice(["1990", "1950-01-01", "ge1990-01-01"])
            case "_id":
                return self.chance.choice(["p1", "p2,p3"])
            case "code":
                return self.chance.choice([*CODES, f"{LOINC}|{CODES[0]}"])
            case "status":
                return self.chance.choice(["finished", "final", "current", "booked"])
            case "class":
                return self.chance.choice(["AMB", "urn:made-up:class|IMP"])
            case "date":
                return self.chance.choice(["2024", "ge2024-06-01", "2023-05-01"])
            case _:
                return self.chance.choice(["person", "animal"])


@dataclass(frozen=True)
class Judge:
    """Answers questions by looking at every record there is."""

    resources: tuple[Resource, ...]

    def matching(self, kind: str, *conditions: tuple[str, str]) -> set[str]:
        """The ids of the records that meet all conditions."""
        return {r["id"] for r in self._of(kind) if all(self.meets(r, *each) for each in conditions)}

    def meets(self, resource: Resource, name: str, value: str) -> bool:
        """Whether a record meets one condition, however many steps away it lies."""
        kind = resource["resourceType"]
        if name.startswith("_has:"):
            _, source, code, rest = name.split(":", 3)
            return any(
                self.meets(each, rest, value) for each in self._of(source) if address(resource) in pointed(each, code)
            )
        head, dot, rest = name.partition(".")
        if not dot:
            return leaf_meets(resource, name, value)
        code, _, target = head.partition(":")
        return any(
            self.meets(each, rest, value)
            for each in self.resources
            if address(each) in pointed(resource, code)
            and (each["resourceType"] == target or (not target and rest_is_known(each, rest)))
            and each["resourceType"] in TARGETS[kind, code]
        )

    def targets(self, resource: Resource, code: str, target: str | None) -> Iterator[str]:
        """The records that a record points to, as `Type/id`."""
        kind = resource["resourceType"]
        codes = [name for holder, name in REFERENCES if holder == kind] if code == "*" else [code]
        there = {address(each) for each in self.resources}
        for each in codes:
            for found in pointed(resource, each):
                if found in there and (target is None or found.startswith(f"{target}/")):
                    yield found

    def sources(self, resource: Resource, kind: str, code: str) -> Iterator[str]:
        """The records of a type that point to a record, as `Type/id`."""
        for each in self.resources:
            codes = [name for holder, name in REFERENCES if holder == each["resourceType"]] if code == "*" else [code]
            if kind in {"*", each["resourceType"]} and any(address(resource) in pointed(each, name) for name in codes):
                yield address(each)

    def record(self, name: str) -> Resource:
        """The record of an address."""
        return next(each for each in self.resources if address(each) == name)

    def ids(self, kind: str) -> set[str]:
        """The ids of all records of a type."""
        return {each["id"] for each in self._of(kind)}

    def pointed(self, resource: Resource, code: str) -> set[str]:
        """What the references of a parameter say, there or not."""
        return pointed(resource, code)

    def targets_of(self, kind: str, logical_id: str, code: str) -> set[str]:
        """What a record says it points to, there or not."""
        return pointed(self.record(f"{kind}/{logical_id}"), code)

    def _of(self, kind: str) -> list[Resource]:
        return [each for each in self.resources if each["resourceType"] == kind]


def rest_is_known(resource: Resource, rest: str) -> bool:
    """Whether the type of a record has the parameter by which an untyped chain goes on."""
    code = rest.partition(".")[0].partition(":")[0]
    kind = resource["resourceType"]
    return any(code == leaf.partition(":")[0] for leaf in LEAVES[kind]) or (kind, code) in REFERENCES


def address(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def pointed(resource: Resource, code: str) -> set[str]:
    """What the references of a parameter say."""
    found = REFERENCES.get((resource["resourceType"], code))
    return {each["reference"] for each in found(resource) if each} if found else set()


def leaf_meets(resource: Resource, name: str, value: str) -> bool:
    code, _, modifier = name.partition(":")
    held = values_of(resource, code)
    if modifier == "missing":
        return bool(held) is (value == "false")
    if modifier == "not":
        return not any(leaf_matches(code, "", each, one) for each in held for one in value.split(","))
    return any(leaf_matches(code, modifier, each, one) for each in held for one in value.split(","))


def values_of(resource: Resource, code: str) -> list[str]:
    match code:
        case "name":
            name = resource["name"]
            return [name] if isinstance(name, str) else [each["text"] for each in name]
        case "gender" | "status" | "type" | "active":
            return [str(resource[code]).lower()] if code in resource else []
        case "identifier":
            return [f"{each['system']}|{each['value']}" for each in resource.get("identifier", [])]
        case "birthdate":
            return [resource["birthDate"]] if "birthDate" in resource else []
        case "_id":
            return [resource["id"]]
        case "code":
            return [f"{each['system']}|{each['code']}" for each in resource["code"]["coding"]]
        case "class":
            return [f"{resource['class']['system']}|{resource['class']['code']}"]
        case "date":
            day = resource.get("effectiveDateTime") or resource.get("period", {}).get("start") or resource.get("date")
            return [day[:10]] if day else []
        case "encounter":
            return [resource["encounter"]["reference"]] if "encounter" in resource else []
        case _:
            raise AssertionError(code)


def leaf_matches(code: str, modifier: str, held: str, asked: str) -> bool:
    match code:
        case "name":
            if modifier == "exact":
                return held == asked
            return asked.casefold() in held.casefold() if modifier == "contains" else starts(held, asked)
        case "identifier" | "code" | "class":
            return held == asked if "|" in asked else held.rpartition("|")[2] == asked
        case "birthdate" | "date":
            return held >= asked[2:] if asked.startswith("ge") else held.startswith(asked)
        case _:
            return held == asked


def starts(held: str, asked: str) -> bool:
    return held.casefold().startswith(asked.casefold())
