"""Structures as rings of points, which are the truth; masks are made from them (PS3.3 C.8.8.5 and C.8.8.6)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tianfu.standards.dicom.grids import Floats


class RingKind(StrEnum):
    """Contour Geometric Type (3006,0042), those that are written; others are told of and not read."""

    CLOSED = "CLOSED_PLANAR"
    CLOSED_XOR = "CLOSEDPLANAR_XOR"
    OPEN = "OPEN_PLANAR"
    POINT = "POINT"


@dataclass(frozen=True, kw_only=True)
class Ring:
    """One contour: `points` (n, 3) in the patient, millimetres; a closed one does not repeat its first point.

    `image` is the SOP Instance UID of the slice on which it was drawn, if it says so.
    """

    points: Floats
    kind: RingKind = RingKind.CLOSED
    image: str | None = None


@dataclass(frozen=True, kw_only=True)
class Structure:
    """One region of interest.

    Where closed rings of one plane lie in each other, what is inside an odd number of them belongs to the structure:
    so a hole is a ring like any other.  `kind` is the RT ROI Interpreted Type (PTV, ORGAN, EXTERNAL ...), empty if
    unknown.  `generation` is the ROI Generation Algorithm (AUTOMATIC, SEMIAUTOMATIC, MANUAL), empty if unknown, and
    `method` the words about it (ROI Generation Description).  `interpreter` is the ROI Interpreter, the person who
    stands for what it is, empty if nobody does yet; `interpreted_at` is the ROI Observation DateTime.
    """

    number: int
    name: str
    kind: str
    colour: tuple[int, int, int] | None
    generation: str
    rings: tuple[Ring, ...]
    method: str = ""
    interpreter: str = ""
    interpreted_at: str = ""
