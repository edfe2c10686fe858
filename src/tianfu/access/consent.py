"""What a FHIR Consent opens and closes (https://hl7.org/fhir/R4/consent.html), and what of it is not understood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tianfu.access.relation import Relation
from tianfu.kernel.refusal import Fault


@dataclass(frozen=True, slots=True)
class ConsentReading:
    """The relations of a Consent, and `remarks` on every element because of which it opens less or closes more."""

    relations: tuple[Relation, ...]
    remarks: tuple[Fault, ...]


def read_consent(consent: dict[str, Any]) -> ConsentReading:
    """What a Consent means; whoever writes one may refuse it while there are remarks."""
    raise NotImplementedError
