"""What of a plan is finished, small enough to keep after each step, so that a work goes on where it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from tianfu.apps.radiotherapy.model.optimisation.apertures import FieldSegments
from tianfu.apps.radiotherapy.model.optimisation.goals import Line
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats

BYTES_MOST = 100_000_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Kept:
    """Results of steps; None is what is still to be done.  `of` says of which wish, machine and patient.

    `is_converged` says of the weights whether more iterations would have gained nothing; `lines` what became of goals
    that were served in their order, none where objectives were weighed against each other.
    """

    of: str
    weights: Floats | None = None
    is_converged: bool | None = None
    lines: tuple[Line, ...] | None = None
    segments: tuple[FieldSegments, ...] | None = None
    refined: tuple[FieldSegments, ...] | None = None
    normalised: tuple[FieldSegments, ...] | None = None


def write_kept(kept: Kept) -> bytes:
    """JSON in which every number is exactly what it was."""
    return msgspec.json.encode(kept, enc_hook=_listed)


def kept_from(data: bytes) -> Kept:
    """The opposite of `write_kept`; raises Refusal `plan-kept-not-understood`."""
    try:
        if len(data) > BYTES_MOST:
            raise msgspec.DecodeError(f"{len(data)} bytes")
        return msgspec.json.decode(data, type=Kept, dec_hook=_numbers)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal("plan-kept-not-understood", details={"problem": str(error)}) from error


def _listed(value: object) -> list[float]:
    if not isinstance(value, np.ndarray):
        raise NotImplementedError  # as msgspec asks of a hook that does not know a type
    numbers: list[float] = value.tolist()
    return numbers


def _numbers(_kind: type, value: Any) -> Floats:
    return np.array(msgspec.convert(value, list[float]), np.float64)
