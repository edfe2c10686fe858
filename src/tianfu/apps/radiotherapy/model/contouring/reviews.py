"""Who stands for a contour: what a program drew is nobody's until a named person accepts it.

DICOM says it with ROI Generation Algorithm AUTOMATIC and an empty ROI Interpreter (PS3.3 C.8.8.5 and C.8.8.8); a
structure set with any such structure stays UNAPPROVED.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.headers import Approval
from tianfu.standards.dicom.structures import Structure

AUTOMATIC = "AUTOMATIC"
UNAPPROVED = Approval(status="UNAPPROVED")


def is_unreviewed(structure: Structure) -> bool:
    """Whether a program drew it and nobody has accepted it."""
    return structure.generation == AUTOMATIC and not structure.interpreter.strip(" ^=")


def unreviewed_of(structures: Sequence[Structure]) -> tuple[Structure, ...]:
    """Those that nobody stands for."""
    return tuple(filter(is_unreviewed, structures))


def accepted_by(structure: Structure, *, person: str, at: datetime) -> Structure:
    """The structure as one that a person, by DICOM's name (Wang^Fang), has looked at and accepts as it is.

    Its rings and how they were made stay as they are.  Raises Refusal `review-without-name` for nobody, and
    `review-of-nothing` for a structure without rings; ValueError for a time without a zone.
    """
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    if not person.strip(" ^="):
        raise Refusal("review-without-name", details={"structure": structure.name})
    if not structure.rings:
        raise Refusal("review-of-nothing", details={"structure": structure.name})
    return replace(structure, interpreter=person.strip(), interpreted_at=f"{at:%Y%m%d%H%M%S}{at:%z}")


def refuse_unreviewed(structures: Sequence[Structure]) -> None:
    """Raises Refusal `structures-unreviewed` if a program drew one of them and nobody has accepted it."""
    if unreviewed := unreviewed_of(structures):
        names = ", ".join(each.name for each in unreviewed)
        raise Refusal("structures-unreviewed", details={"structures": names})
