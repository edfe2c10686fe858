"""What may draw contours on a CT, and what comes of it: proposals, each with what speaks against it.

A provider is chosen by whoever asks; none is a default.  What it cannot answer for it does not draw, and says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tianfu.apps.radiotherapy.model.masks import Mask
from tianfu.apps.radiotherapy.model.scanlines import Bools
from tianfu.standards.dicom.findings import Finding
from tianfu.standards.dicom.grids import Volume

Hounsfield = Volume[np.int16] | Volume[np.float32]
"""A CT, in Hounsfield units."""

OnProgress = Callable[[str, int, int], None]
"""Takes the name of what is done, and how much of how much is."""

EXTERNAL, ORGAN = "EXTERNAL", "ORGAN"
"""RT ROI Interpreted Types (3006,00A4) of what is drawn here."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A proposed structure: what of the CT's grid is inside.

    `name` is one of TG-263.  `confidence` is from 0 to 1, None if the provider has no measure of it; `reasons` are
    what a reviewer should look at first.
    """

    name: str
    kind: str
    mask: Mask
    confidence: float | None
    reasons: tuple[Finding, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NotDrawn:
    """A structure that the provider knows and did not draw; `reasons` are never empty."""

    name: str
    confidence: float | None
    reasons: tuple[Finding, ...]


Outcome = Drawn | NotDrawn


class Provider(Protocol):
    """Draws the structures `names`; `id` and `version` stand in everything that is made of its answer."""

    @property
    def id(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def names(self) -> tuple[str, ...]: ...

    def contour(self, ct: Hounsfield, *, on_progress: OnProgress) -> tuple[Outcome, ...]:
        """One outcome for each of `names`, in that order; raises Refusal for a CT that is none it can judge."""


@dataclass(frozen=True, kw_only=True)
class Contouring:
    """What a provider drew on a CT, and what it did not."""

    provider: str
    version: str
    outcomes: tuple[Outcome, ...]

    @property
    def drawn(self) -> tuple[Drawn, ...]:
        """The proposals."""
        return tuple(each for each in self.outcomes if isinstance(each, Drawn))

    @property
    def not_drawn(self) -> tuple[NotDrawn, ...]:
        """What was left to people."""
        return tuple(each for each in self.outcomes if isinstance(each, NotDrawn))


def contoured(ct: Hounsfield, *, provider: Provider, on_progress: OnProgress) -> Contouring:
    """What a provider draws; a provider that leaves one of its structures out unsaid is a mistake (ValueError)."""
    outcomes = provider.contour(ct, on_progress=on_progress)
    if tuple(each.name for each in outcomes) != provider.names:
        raise ValueError(f"{provider.id} does not answer for each of its structures")
    return Contouring(provider=provider.id, version=provider.version, outcomes=outcomes)


def mask_from(inside: Bools) -> Mask:
    """A mask that keeps only the box in which anything is inside."""
    spans = [np.flatnonzero(inside.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
    if not len(spans[0]):
        return Mask(values=np.zeros((0, 0, 0), dtype=np.bool_), offset=(0, 0, 0), shape=inside.shape)
    first, second, third = (slice(int(span[0]), int(span[-1]) + 1) for span in spans)
    offset = (first.start, second.start, third.start)
    return Mask(values=np.ascontiguousarray(inside[first, second, third]), offset=offset, shape=inside.shape)
