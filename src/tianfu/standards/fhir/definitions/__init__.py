"""The facts of FHIR R4 (https://hl7.org/fhir/R4/): types, elements, codes, search parameters.

`table.json` is made by scripts/compile_fhir_definitions.py; never edit it by hand.  Its short keys:

- type: `k` kind, `b` base, `a` abstract, `x` regular expression, `e` own elements, `c` invariants;
- element: `t` types, `n` cardinality (0..1 if absent), `v` required value set, `r` targets, `p` quantity profile,
  `s` in the summary, `m` modifier;
- search parameter: `u` id, `c` code, `t` type, `e` expression by resource type, `r` targets by resource type,
  `p` components.
"""

from tianfu.standards.fhir.definitions.model import (
    Constraint,
    Definitions,
    ElementDefinition,
    SearchComponent,
    SearchParameter,
    TypeDefinition,
)
from tianfu.standards.fhir.definitions.table import definitions

__all__ = [
    "Constraint",
    "Definitions",
    "ElementDefinition",
    "SearchComponent",
    "SearchParameter",
    "TypeDefinition",
    "definitions",
]
