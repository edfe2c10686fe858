"""What a FHIR definition says, as values.  https://hl7.org/fhir/R4/structuredefinition.html"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Kind = Literal["resource", "complex", "primitive", "backbone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementDefinition:
    """One element of a type.

    `name` has no `[x]`; an element with several possible types is a `choice` and is written in JSON with the
    type's name behind its own (`valueQuantity`).  A nested element's type is its path (`Observation.component`).
    `max` is None for any number.  `binding` is the value set that codes must come from, or None.
    `targets` are the resource types that a reference may point to; empty means any.  `profile` narrows a
    Quantity to SimpleQuantity.
    """

    name: str
    types: tuple[str, ...]
    choice: bool
    min: int
    max: int | None
    binding: str | None
    targets: tuple[str, ...]
    profile: str | None
    summary: bool
    modifier: bool

    @property
    def repeats(self) -> bool:
        """Whether JSON writes the element as an array."""
        return self.max is None or self.max > 1

    def profile_of(self, type_: str) -> str:
        """The type, or the narrower one where this element asks for it."""
        return self.profile if self.profile and type_ == "Quantity" else type_

    def json_names(self) -> Mapping[str, str]:
        """The names that the element can have in JSON, each with its type."""
        if not self.choice:
            return {self.name: self.types[0]}
        return {self.name + type_[0].upper() + type_[1:]: type_ for type_ in self.types}


class Constraint(NamedTuple):
    """An invariant: a FHIRPath expression that must be true; `element` is empty for the type itself."""

    element: str
    key: str
    severity: str
    expression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeDefinition:
    """A resource, data type, primitive type, or nested element, with its own and inherited elements in order."""

    name: str
    kind: Kind
    base: str | None
    abstract: bool
    elements: Mapping[str, ElementDefinition]
    constraints: tuple[Constraint, ...]
    regex: str | None


class SearchComponent(NamedTuple):
    """One part of a composite parameter: the code of the parameter it is, and where, relative to the composite."""

    code: str
    expression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchParameter:
    """A search parameter as it applies to one resource type.

    `number` is stored in databases and never changes; one definition has one number for all types it applies to.
    `targets` are the types a reference can point to; empty means any.
    """

    number: int
    code: str
    type: str
    expression: str
    targets: tuple[str, ...] = ()
    components: tuple[SearchComponent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """All definitions; get them from `definitions()`."""

    resource_types: tuple[str, ...]
    """The concrete resource types, sorted."""

    types: Mapping[str, TypeDefinition]
    search_parameters: Mapping[str, tuple[SearchParameter, ...]]
    """Per resource type, those of every resource included; parameters without an expression are left out."""

    compartment_patient: Mapping[str, tuple[str, ...]]
    """Per resource type, the codes of the parameters that put it into a patient's compartment."""

    type_numbers: Mapping[str, int]
    codings: Mapping[str, frozenset[tuple[str, str]]] = field(repr=False)
    """Per enumerable required value set, its (system, code) pairs."""

    _codes: Mapping[str, frozenset[str]] = field(repr=False)

    def type_number(self, name: str) -> int:
        """The stable small number of a concrete resource type; KeyError if there is no such type."""
        return self.type_numbers[name]

    def required_codes(self, value_set: str) -> frozenset[str] | None:
        """The codes of a required value set, or None if the specification does not enumerate it."""
        return self._codes.get(value_set)

    def search_parameter(self, resource_type: str, code: str) -> SearchParameter | None:
        """The parameter of a resource type by its code."""
        return next((p for p in self.search_parameters.get(resource_type, ()) if p.code == code), None)
