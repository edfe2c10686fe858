"""FHIRPath compiled to Python closures.  http://hl7.org/fhirpath/N1/ and https://hl7.org/fhir/R4/fhirpath.html"""

from tianfu.standards.fhir.fhirpath.expression import Expression, compile_expression
from tianfu.standards.fhir.fhirpath.frames import Services
from tianfu.standards.fhir.fhirpath.nodes import Node
from tianfu.standards.fhir.fhirpath.refusals import (
    ExpressionRefused,
    FailedEvaluation,
    InvalidMeaning,
    InvalidSyntax,
)

__all__ = [
    "Expression",
    "ExpressionRefused",
    "FailedEvaluation",
    "InvalidMeaning",
    "InvalidSyntax",
    "Node",
    "Services",
    "compile_expression",
]
