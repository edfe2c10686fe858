"""How sensitive a record is: level 1 to 5 and special labels, by its type and codes.  The lists are data: labels.json.

Levels after GB/T 39725-2020; security labels: https://terminology.hl7.org/CodeSystem-v3-Confidentiality.html .
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Codings = Iterable[tuple[str, str]]
"""System and code; the system is empty if there is none."""


def labels_of(resource_type: str, codings: Codings, security: Codings, *, has_patient: bool) -> tuple[int, int]:
    """The level of a record and the mask of its special labels (bit 0 never among them).

    `codings` are all codes of the record (`IndexValues.seen`, or `codings_in`), `security` those of `meta.security`.
    Security labels only ever raise.  A level of 5 always has a label.
    """
    raise NotImplementedError


def reads_whole(resource_type: str) -> bool:
    """Whether a type holds codes that no search parameter finds, so that `codings_in` must look for them."""
    raise NotImplementedError


def codings_in(resource: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """System and code of every coding anywhere in a resource."""
    raise NotImplementedError
