"""Entries of a life's timeline, and how records that belong together become one entry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from tianfu.apps.lifelong.model.kinds import Kind
from tianfu.apps.lifelong.model.when import When
from tianfu.apps.lifelong.model.wording import NOTHING, Concept

FINDINGS_IN_LINE = 4
"""So many findings stand in an entry's line; all of them in its fold-out."""

USUAL_ORDER = (
    *("85354-9", "55284-4", "8867-4", "55283-6", "8310-5", "9279-1", "59408-5", "2708-6"),
    *("29463-7", "8302-2", "39156-5", "18185-9", "11881-0"),
)
"""LOINC codes in the order in which people read a visit: blood pressure, pulse, temperature, breath, size."""


class Flag(StrEnum):
    """How a result lies to its reference range, the gravest first; the critical ones are the laboratory's own word."""

    CRITICAL_HIGH = "critical-high"
    CRITICAL_LOW = "critical-low"
    CRITICAL = "critical"
    HIGH = "high"
    LOW = "low"
    ABNORMAL = "abnormal"

    @property
    def is_critical(self) -> bool:
        """Whether somebody must act at once."""
        return self in (Flag.CRITICAL_HIGH, Flag.CRITICAL_LOW, Flag.CRITICAL)


def gravest(flags: Iterable[Flag | None]) -> Flag | None:
    """The gravest of several flags; None if there is none."""
    order = list(Flag)
    return min((flag for flag in flags if flag), key=order.index, default=None)


class Tone(StrEnum):
    """The colour of an entry's pin; each goes with a shape."""

    PLAIN = "plain"
    PEOPLE = "people"
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A reference range as the laboratory gave it; one side may be open."""

    low: Decimal | None = None
    high: Decimal | None = None
    text: str = ""

    def flag(self, value: Decimal, comparator: str = "") -> Flag | None:
        """Where a value lies; of one that is only bounded (`<5`), no more than the bound proves."""
        above = None if self.high is None else value > self.high or (comparator == ">" and value == self.high)
        below = None if self.low is None else value < self.low or (comparator == "<" and value == self.low)
        if above and not comparator.startswith("<"):
            return Flag.HIGH
        return Flag.LOW if below and not comparator.startswith(">") else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing measured or told: a number with its unit, a coded answer, or words."""

    name: Concept
    number: Decimal | None = None
    comparator: str = ""
    unit: str = ""
    answer: Concept = NOTHING
    words: str = ""
    moment: When | None = None
    """The answer, where it is a date."""

    flag: Flag | None = None
    range: Range | None = None
    parts: tuple[Finding, ...] = ()
    is_preliminary: bool = False
    is_mistaken: bool = False
    """Whether its writer took it back."""

    type: str = ""
    id: str = ""

    @property
    def gravest(self) -> Flag | None:
        """The gravest flag of it and its parts; none of one that its writer took back."""
        return None if self.is_mistaken else gravest([self.flag, *(part.gravest for part in self.parts)])

    @property
    def is_abnormal(self) -> bool:
        """Whether it or one of its parts lies outside its range."""
        return self.gravest is not None

    @property
    def is_critical(self) -> bool:
        """Whether it or one of its parts was called critical."""
        flag = self.gravest
        return flag is not None and flag.is_critical


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A tag on an entry: a status, and what it says (a phrase of ours by key, or the record's own words)."""

    status: str
    key: str = ""
    concept: Concept = NOTHING
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """A diagnosis that a visit names; `doubt` says how its own record limits it (provisional, refuted), if it does."""

    reference: str
    name: Concept
    doubt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry.  `title` is what the record calls itself; `title_key` is our phrase when it has no name.

    `results` (a report's results and pictures) and `encounter` are references by which entries fold into each other.
    """

    type: str
    id: str
    patient: str
    kind: Kind
    when: When | None
    title: Concept = NOTHING
    title_key: str = ""
    prefix_key: str = ""
    tone: Tone = Tone.PLAIN
    icon: str = "i-record"
    marks: tuple[Mark, ...] = ()
    details: tuple[Concept, ...] = ()
    diagnoses: tuple[Diagnosis, ...] = ()
    findings: tuple[Finding, ...] = ()
    department: Concept = NOTHING
    organisation: str = ""
    practitioner: str = ""
    results: tuple[str, ...] = ()
    encounter: str = ""
    folded: int = 0
    """How many further records this entry shows."""

    @property
    def reference(self) -> str:
        """`Type/id`."""
        return f"{self.type}/{self.id}"

    @property
    def day(self) -> date | None:
        """The day it stands under."""
        return self.when.day if self.when else None

    @property
    def abnormal(self) -> int:
        """How many findings lie outside their range."""
        return sum(finding.is_abnormal for finding in self.findings)

    @property
    def line(self) -> tuple[Finding, ...]:
        """The findings that stand in the line: critical ones first, then abnormal ones."""
        ordered = sorted(self.findings, key=lambda finding: (not finding.is_critical, not finding.is_abnormal))
        return tuple(ordered[:FINDINGS_IN_LINE])


def fold(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Put results into their report, measurements into their visit, and loose ones of a day together.

    Nothing disappears: every record is either an entry or a finding with a link of its own.
    """
    hosts = _hosts(entries)
    guests: dict[str, list[Entry]] = {}
    standing: list[Entry] = []
    for entry in entries:
        host = hosts.get(entry.reference)
        if host is None:
            standing.append(entry)
        else:
            guests.setdefault(host, []).append(entry)
    return tuple(_newest_first(_with_guests(entry, guests.get(entry.reference, ())) for entry in _by_day(standing)))


def _hosts(entries: Sequence[Entry]) -> dict[str, str]:
    """Which entry each Observation folds into: its report before its visit."""
    present = {entry.reference: entry for entry in entries}
    hosts = {result: report.reference for report in entries for result in report.results if result in present}
    for entry in entries:
        is_measurement = entry.type == "Observation" and entry.kind is Kind.CHECK
        if is_measurement and entry.reference not in hosts and entry.encounter in present:
            hosts[entry.reference] = entry.encounter
    return hosts


def _with_guests(host: Entry, guests: Sequence[Entry]) -> Entry:
    if not guests:
        return host
    order = {reference: place for place, reference in enumerate(host.results)}
    ordered = sorted(guests, key=lambda guest: (order.get(guest.reference, len(order)), *_usual_place(guest)))
    findings = tuple(finding for guest in ordered for finding in guest.findings)
    return replace(
        host,
        findings=host.findings + findings,
        folded=host.folded + len(guests),
        tone=_tone(host.tone, findings),
        marks=host.marks + _counts(findings),
    )


def _usual_place(guest: Entry) -> tuple[int, str, int, str]:
    """Where a measurement stands among others, the same at every visit: the usual ones first, then by code."""
    key = guest.title.key or guest.title.text
    code = key.rpartition("|")[2]
    first = USUAL_ORDER.index(code) if code in USUAL_ORDER else len(USUAL_ORDER)
    return first, key, guest.when.low if guest.when else 0, guest.id


def _tone(own: Tone, findings: Sequence[Finding]) -> Tone:
    """The tone of an entry with these findings: critical ones are never hidden behind a milder tone."""
    if any(finding.is_critical for finding in findings):
        return Tone.CRITICAL
    is_abnormal = any(finding.is_abnormal for finding in findings)
    return Tone.WARNING if is_abnormal and own in (Tone.PLAIN, Tone.INFO) else own


def _counts(findings: Sequence[Finding]) -> tuple[Mark, ...]:
    """How many findings are critical, and how many others abnormal."""
    critical = sum(finding.is_critical for finding in findings)
    abnormal = sum(finding.is_abnormal for finding in findings) - critical
    told = (("critical", "mark.critical", critical), ("warning", "mark.abnormal", abnormal))
    return tuple(Mark(status=status, key=key, count=count) for status, key, count in told if count)


def _by_day(entries: Iterable[Entry]) -> Iterable[Entry]:
    """Gather Observations of one library, day and kind that nothing hosts under one entry."""
    days: dict[tuple[str, date, Kind], list[Entry]] = {}
    for entry in entries:
        if entry.type == "Observation" and entry.day is not None:
            days.setdefault((entry.patient, entry.day, entry.kind), []).append(entry)
        else:
            yield entry
    for loose in days.values():
        yield _gathered(loose) if len(loose) > 1 else loose[0]


def _gathered(loose: Sequence[Entry]) -> Entry:
    head = replace(
        loose[0], title=NOTHING, title_key=f"entry.gathered-{loose[0].kind}", findings=(), marks=(), folded=-1
    )
    return _with_guests(head, loose)


def _newest_first(entries: Iterable[Entry]) -> list[Entry]:
    """Newest day first, undated last; within a day the visit stands before what was done in it."""
    return sorted(
        entries,
        key=lambda entry: (
            entry.day is None,
            -entry.day.toordinal() if entry.day else 0,
            entry.kind is not Kind.ENCOUNTER,
            -entry.when.low if entry.when else 0,
        ),
    )
