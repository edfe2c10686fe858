"""What a rule is and what it finds; its sentences lie in the catalogues of this app under its id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tianfu.apps.radiotherapy.model.protocols import Mark


class Severity(StrEnum):
    """What a fault asks for: not to treat, to look and decide, to know."""

    STOP = "stop"
    WARNING = "warning"
    NOTICE = "notice"


class Topic(StrEnum):
    """What a rule is about."""

    PRESCRIPTION = "prescription"
    BEAMS = "beams"
    SEGMENTS = "segments"
    STRUCTURES = "structures"
    IMAGES = "images"
    DOSE = "dose"
    CHAIN = "chain"
    RECORDS = "records"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """`evidence` is the source; `mark` says whether the rule was read there, recalled, concluded or is our own."""

    id: str
    severity: Severity
    topic: Topic
    evidence: str
    mark: Mark


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A rule that is not kept: `where` by kind of place (beam, segment, structure ...), numbers with their units."""

    rule: str
    where: Mapping[str, str]
    details: Mapping[str, str]


class Verdict(StrEnum):
    """How a rule came out; what could not be looked at never counts as passed."""

    PASSED = "passed"
    FAULTS = "faults"
    NOT_JUDGED = "not-judged"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A rule's result; `reason` is a code if it, or a part of it, could not be judged."""

    rule: Rule
    faults: tuple[Fault, ...]
    reason: str | None

    @property
    def verdict(self) -> Verdict:
        """Faults that were found stay faults even if the rest could not be judged."""
        if self.faults:
            return Verdict.FAULTS
        return Verdict.PASSED if self.reason is None else Verdict.NOT_JUDGED


REASONS = frozenset(
    {
        "beam-doses-incomplete",
        "contours-unusable",
        "dose-in-other-frame",
        "dose-not-physical",
        "doses-not-comparable",
        "frames-differ",
        "grids-differ",
        "leaves-in-layers",
        "machine-unnamed",
        "no-beams",
        "no-body",
        "no-dose",
        "no-images",
        "no-leaves",
        "no-machine",
        "no-plan",
        "no-prescription",
        "no-protocol",
        "no-recomputed-dose",
        "no-records",
        "no-single-fraction-group",
        "no-structures",
        "no-target",
        "no-weights",
        "not-said",
        "nothing-to-check",
        "point-outside-dose",
        "position-not-projected",
        "protocol-without-prescription",
        "target-outside-dose",
    }
)
"""Why a rule may not be judged: each has its words in the catalogues."""


class NotJudgedError(Exception):
    """What a rule needs is not there; `reason` is one of `REASONS`."""

    def __init__(self, reason: str) -> None:
        """Keep the reason; raises ValueError for one without words."""
        if reason not in REASONS:
            raise ValueError(f"no words for {reason}")
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a rule's function gives for each fault."""

    where: Mapping[str, str]
    details: Mapping[str, str] = field(default_factory=dict)


DETAILS = frozenset({"found", "expected", "limit", "other"})
"""The names that details may have: each has its word in the catalogues."""

PLACES = frozenset(
    {
        "beam",
        "control-point",
        "fraction",
        "isocentre",
        "object",
        "pair",
        "plan",
        "point",
        "record",
        "reference",
        "segment",
        "slice",
        "structure",
        "tolerance",
    }
)
"""The kinds of places where a fault may be: each has its word in the catalogues."""


def seen(where: Mapping[str, object] | None = None, **details: object) -> Seen:
    """A fault at places of `PLACES`, with details from `DETAILS`; raises ValueError for others."""
    if unknown := (set(details) - DETAILS) | (set(where or {}) - PLACES):
        raise ValueError(f"no word for {sorted(unknown)}")
    return Seen(
        where={kind: str(name) for kind, name in (where or {}).items()},
        details={name: str(value) for name, value in details.items()},
    )
