"""References that a search can follow, and where they lie: in a column of their record, or in the table `reference`."""

from __future__ import annotations

from typing import NamedTuple

from tianfu.records.index.layout import Layout
from tianfu.records.search.whereabouts import yield_of
from tianfu.standards.fhir.definitions import SearchParameter


class Places(NamedTuple):
    """Where references of one parameter may lie: the patient's column, the encounter's, the table."""

    patient: bool
    encounter: bool
    table: bool

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns among them."""
        named = (("prid", self.patient), ("encounter", self.encounter))
        return tuple(column for column, is_there in named if is_there)


def is_followed(parameter: SearchParameter) -> bool:
    """Whether a parameter leads to records by their ids; canonical addresses name a record by what stands in it."""
    return parameter.type == "reference" and "Reference" in yield_of(parameter).types


def leads_to(parameter: SearchParameter, target_type: str) -> bool:
    """Whether references of a parameter may point to records of a type."""
    return is_followed(parameter) and (not parameter.targets or target_type in parameter.targets)


def places_of(source_type: str, parameter: SearchParameter, target_type: str) -> Places:
    """Where references of a parameter of one type to records of another lie."""
    layout, repeats = Layout.for_type(source_type), yield_of(parameter).repeats
    # The first Patient among the subjects stands in the column alone, and so does the first encounter.
    patient = target_type == "Patient" and parameter.code in layout.subjects
    encounter = parameter.code == layout.encounter
    return Places(patient=patient, encounter=encounter, table=repeats or not (patient or encounter))
