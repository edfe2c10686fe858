"""The functions of FHIRPath by family."""

from collections.abc import Mapping

from tianfu.standards.fhir.fhirpath.functions.combining import COMBINING
from tianfu.standards.fhir.fhirpath.functions.conversion import CONVERSION
from tianfu.standards.fhir.fhirpath.functions.dates import DATES
from tianfu.standards.fhir.fhirpath.functions.existence import EXISTENCE
from tianfu.standards.fhir.fhirpath.functions.fhir import FHIR
from tianfu.standards.fhir.fhirpath.functions.filtering import FILTERING
from tianfu.standards.fhir.fhirpath.functions.mathematics import MATHEMATICS
from tianfu.standards.fhir.fhirpath.functions.registry import Function
from tianfu.standards.fhir.fhirpath.functions.strings import STRINGS
from tianfu.standards.fhir.fhirpath.functions.subsetting import SUBSETTING
from tianfu.standards.fhir.fhirpath.functions.tree import TREE

FUNCTIONS: Mapping[str, Function] = {
    **EXISTENCE,
    **FILTERING,
    **SUBSETTING,
    **COMBINING,
    **CONVERSION,
    **STRINGS,
    **MATHEMATICS,
    **TREE,
    **DATES,
    **FHIR,
}
"""Every function by its name, but `is`, `as` and `ofType`, whose argument is a type's name."""
