"""What was computed about a case, as it is kept and shown: figures with where they came from.

Every result carries its provenance, and that it is not for clinical use until commissioned and registered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

FORM = 1
"""The shape of what is kept."""

NOT_CLEARED = "not-for-clinical-use-until-commissioned-and-registered"
"""Stands in every result; pages and commands say it as a sentence."""

PERCENTS = (98.0, 95.0, 50.0, 2.0)
"""Doses to so much of a structure are told of each."""


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Where a result came from; `made_at` is an Instant, `inputs` name the bytes of every object that was read."""

    form: int
    notice: str
    code_version: str
    made_at: int
    asked_by: str
    inputs: tuple[str, ...]


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Why something has no figures."""

    code: str
    details: Mapping[str, str]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """A histogram in numbers: `doses_gy` to PERCENTS of the volume, and `dvh` is all of it as `dvh_text` writes it."""

    volume_cc: float
    min_gy: float
    mean_gy: float
    max_gy: float
    outside_share: float
    doses_gy: tuple[float, ...]
    dvh: str


class StructureResult(msgspec.Struct, frozen=True, kw_only=True):
    """A structure with its figures, or with the reason why it has none."""

    number: int
    name: str
    standard_name: str | None
    kind: str
    figures: Figures | None
    refused: Refused | None


class LineResult(msgspec.Struct, frozen=True, kw_only=True):
    """A goal of the protocol and what was reached; `gain` stands in comparisons alone."""

    structure: str
    goal: str
    priority: int
    mark: str
    source: str
    unit: str
    wants_more: bool
    reached: float | None
    verdict: str
    reason: str | None


class EvaluationResult(msgspec.Struct, frozen=True, kw_only=True):
    """One dose judged in all structures; `protocol` is empty without one, and then there are no lines."""

    provenance: Provenance
    dose: str
    plan_label: str
    plan_approval: str
    prescription_gy: float | None
    protocol: str
    structures: tuple[StructureResult, ...]
    lines: tuple[LineResult, ...]


class GammaResult(msgspec.Struct, frozen=True, kw_only=True):
    """A gamma comparison; `gammas` and `fates` are the map on the reference's grid, as `packed` packs them."""

    provenance: Provenance
    reference: str
    evaluated: str
    criteria: Mapping[str, str]
    normalisation_gy: float
    threshold_gy: float
    pass_percent: float
    judged: int
    passed: int
    below: int
    outside: int
    capped: int
    mean: float
    median: float
    p95: float
    highest: float
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    grid: Mapping[str, Any]
    gammas: str
    fates: str
