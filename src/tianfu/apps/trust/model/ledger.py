"""Who looked at a record, as the person is told it: acts of one look folded together, by day.

Ward rule: docs/rules/ledger.md
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import groupby

from tianfu.access.caller import IMPORTER
from tianfu.kernel.instants import Instant, china_date

YEAR_MIN = 2000
MONTHS = 12

KIND_OF_TYPE = {
    "Patient": "identity",
    "RelatedPerson": "identity",
    "AllergyIntolerance": "allergy",
    "Flag": "allergy",
    "Condition": "diagnosis",
    "Observation": "result",
    "DiagnosticReport": "result",
    "ImagingStudy": "imaging",
    "MedicationRequest": "medicine",
    "MedicationDispense": "medicine",
    "MedicationStatement": "medicine",
    "MedicationAdministration": "medicine",
    "Immunization": "vaccination",
    "ImmunizationRecommendation": "vaccination",
    "Encounter": "visit",
    "Appointment": "visit",
    "Procedure": "procedure",
    "DocumentReference": "document",
    "Composition": "document",
    "CarePlan": "plan",
    "ServiceRequest": "plan",
    "ExplanationOfBenefit": "cost",
    "Claim": "cost",
    "Coverage": "cost",
    "Consent": "trust",
    "Task": "trust",
    "Communication": "trust",
    "AuditEvent": "ledger",
}
"""What a person calls the records of a type; whatever is not here is called "other records"."""

KINDS = (
    "diagnosis",
    "medicine",
    "allergy",
    "procedure",
    "document",
    "result",
    "imaging",
    "visit",
    "vaccination",
    "plan",
    "cost",
    "identity",
    "other",
    "trust",
    "ledger",
)
"""All kinds, in the order in which they are told: what says most about a person first."""


class Sort(StrEnum):
    """The sorts of looks by which a person chooses."""

    OTHERS = "others"
    EMERGENCY = "emergency"
    OWN = "own"
    ALL = "all"


class Act(StrEnum):
    """What was done, as a person would say it."""

    READ = "read"
    WROTE = "wrote"
    EXPORTED = "exported"
    WATCHED = "watched"
    """Saw a newborn's live picture."""
    TENDED = "tended"
    """Did something at the curtain of a newborn's visit."""
    REFUSED = "refused"


ACT_OF_INTERACTION = {
    "create": Act.WROTE,
    "update": Act.WROTE,
    "delete": Act.WROTE,
    "transaction": Act.WROTE,
    "batch": Act.WROTE,
    "export": Act.EXPORTED,
    "$export": Act.EXPORTED,
    "audit_export": Act.EXPORTED,
    "watch-begin": Act.WATCHED,
    "watch-end": Act.WATCHED,
    "scan-code": Act.TENDED,
    "confirm-binding": Act.TENDED,
    "open-curtain": Act.TENDED,
    "draw-curtain": Act.TENDED,
    "cut-picture": Act.TENDED,
    "end-visit": Act.TENDED,
    "hear-ward": Act.TENDED,
    "silence-family": Act.TENDED,
    "give-paper": Act.TENDED,
    "decline-claim": Act.TENDED,
    "withdraw-claim": Act.TENDED,
    "invite-relative": Act.TENDED,
    "end-invitation": Act.TENDED,
    "book-visit": Act.TENDED,
    "give-up-visit": Act.TENDED,
    "ask-interpreter": Act.TENDED,
    "accept-interpreting": Act.TENDED,
    "decline-interpreting": Act.TENDED,
    "let-interpret": Act.TENDED,
    "end-interpreting": Act.TENDED,
    "ask-expert": Act.TENDED,
    "accept-consultation": Act.TENDED,
    "decline-consultation": Act.TENDED,
    "withdraw-consultation": Act.TENDED,
    "sign-opinion": Act.TENDED,
    "read-measured": Act.READ,
    "move-camera": Act.TENDED,
    "call-ward": Act.TENDED,
    "answer-family": Act.TENDED,
    "decline-visit": Act.TENDED,
}

WATCH_BEGIN, WATCH_END = "watch-begin", "watch-end"
"""The two events of one view of a live picture: docs/rules/newborn-record.md"""

BOOKKEEPING = frozenset({"trust", "ledger"})

EMERGENCY_PURPOSE = "ETREAT"
OWN_PURPOSE = "PATRQT"
PERSON_ROLE = "citizen"
SYSTEM_ROLE = "system"
"""The platform itself: nobody sits there, so there is nobody to answer for a look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the audit trail that names the person; `kinds` counts records by what a person calls them.

    `caller`, `practitioner` and `organisation` tell two lookers apart; the last two are logical ids or empty.
    `edge` is `WATCH_BEGIN` or `WATCH_END` where it tells of a live picture.
    """

    id: str
    at: Instant
    caller: str
    role: str
    practitioner: str
    organisation: str
    purpose: str
    rule: str
    act: Act
    kinds: tuple[tuple[str, int], ...]
    edge: str = ""

    @property
    def looker(self) -> tuple[str, ...]:
        """What two events must share to be one look; what was refused is never told with what was shown."""
        was = "refused" if self.act == Act.REFUSED else "done"
        return (self.caller, self.role, self.practitioner, self.organisation, self.purpose, self.rule, was)

    @property
    def is_bookkeeping(self) -> bool:
        """Whether it only wrote what every look leaves behind: notices, and the access itself."""
        return self.act == Act.WROTE and {kind for kind, _ in self.kinds} <= BOOKKEEPING


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What somebody did with the record on one day, for one reason: a line of the ledger; newest event first."""

    events: tuple[Event, ...]

    @property
    def id(self) -> str:
        """The event by which the line is named: the first of them, which stays when more are added."""
        return self.events[-1].id

    @property
    def newest(self) -> Event:
        return self.events[0]

    @property
    def since(self) -> Instant:
        return self.events[-1].at

    @property
    def until(self) -> Instant:
        return self.events[0].at

    @property
    def is_own(self) -> bool:
        """Whether the person looked, or somebody of his family for him."""
        return self.newest.role == PERSON_ROLE and self.newest.purpose == OWN_PURPOSE

    @property
    def is_by_system(self) -> bool:
        """Whether the platform itself did it, to import; who acts in its name at a keyboard answers for it.

        Such are whoever exports by a command, and whoever says a name and number of which he wants to prove that they
        are his: the store is asked in the system's name for him, and he stands in the trail.
        """
        return self.newest.role == SYSTEM_ROLE and self.newest.caller == IMPORTER.id

    @property
    def is_emergency(self) -> bool:
        return self.newest.purpose == EMERGENCY_PURPOSE

    @property
    def acts(self) -> tuple[Act, ...]:
        """What was done besides bookkeeping, in the order of the acts; reading if there was nothing else."""
        done = {event.act for event in self.events if not event.is_bookkeeping} or {Act.READ}
        return tuple(act for act in Act if act in done)

    @property
    def views(self) -> tuple[tuple[Instant, Instant], ...]:
        """From when to when a live picture was seen, each time, the first time first.

        A view whose other end lies on another day is told as far as it is of this one.
        """
        found: list[tuple[Instant, Instant]] = []
        since: Instant | None = None
        watching = 0
        for event in sorted(self.events, key=lambda event: (event.at, event.edge == WATCH_END)):
            if event.edge == WATCH_BEGIN:
                since, watching = since or event.at, watching + 1  # by two devices at once: one view
            elif event.edge == WATCH_END:
                watching = max(0, watching - 1)
                if not watching:
                    found.append((since or event.at, event.at))
                    since = None
        return tuple(found) if since is None else (*found, (since, since))

    @property
    def kinds(self) -> tuple[tuple[str, int], ...]:
        """How many records of which kind were shown, what tells most about a person first.

        Reading one record twice counts once a reading: nobody can know which look mattered.
        """
        counted: Counter[str] = Counter()
        for event in self.events:
            if not event.is_bookkeeping:
                counted.update(dict(event.kinds))
        return tuple(sorted(counted.items(), key=lambda pair: KINDS.index(pair[0])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The looks of one day in China, newest first."""

    day: date
    looks: tuple[Look, ...]


def kind_of(resource_type: str) -> str:
    """What a person calls records of this type."""
    return KIND_OF_TYPE.get(resource_type, "other")


def act_of(interaction: str, outcome: str) -> Act:
    """What an interaction was, as a person would say it."""
    if outcome not in {"success", "matched"}:
        return Act.REFUSED
    return ACT_OF_INTERACTION.get(interaction, Act.READ)


def days_of(events: Iterable[Event], sort: Sort) -> tuple[Day, ...]:
    """The events of a sort, newest first, folded to looks and gathered by day."""
    newest_first = sorted(events, key=lambda event: (-event.at, event.id))
    days = []
    for day, of_day in groupby(newest_first, key=lambda event: china_date(event.at)):
        looks = tuple(look for look in _folded(list(of_day)) if is_of_sort(look, sort))
        if looks:
            days.append(Day(day=day, looks=looks))
    return tuple(days)


def _folded(events: Sequence[Event]) -> list[Look]:
    """Events of one day folded by who, why and what was done; in the order of their newest event."""
    together: dict[tuple[str, ...], list[Event]] = {}
    for event in events:
        together.setdefault(event.looker, []).append(event)
    return [Look(events=tuple(each)) for each in together.values()]


def is_of_sort(look: Look, sort: Sort) -> bool:
    """Whether a look belongs to what the person wants to see."""
    match sort:
        case Sort.ALL:
            return True
        case Sort.OTHERS:
            return not look.is_own
        case Sort.OWN:
            return look.is_own
        case Sort.EMERGENCY:
            return look.is_emergency


def may_object(look: Look) -> bool:
    """A person objects to what others did, not to his own looking, nor to what the platform does by itself."""
    return not (look.is_own or look.is_by_system)


def read_sort(text: str) -> Sort:
    """The sort that an address asks for; what others did for anything else."""
    return Sort(text) if text in set(Sort) else Sort.OTHERS


def read_month(text: str, today: date) -> date | None:
    """The first day of the month `2026-11` that an address asks for; None for anything else and for what lies ahead."""
    year, _, month = text.partition("-")
    if not (len(year) == 4 and len(month) == 2 and (year + month).isascii() and (year + month).isdigit()):
        return None
    if int(year) < YEAR_MIN or not 1 <= int(month) <= MONTHS:
        return None
    first = date(int(year), int(month), 1)
    return first if first <= today else None


def month_after(first: date) -> date:
    """The first day of the next month."""
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)


def months_back(today: date, count: int) -> tuple[date, ...]:
    """This month and those before it, newest first."""
    number = today.year * 12 + today.month - 1
    return tuple(date((number - back) // 12, (number - back) % 12 + 1, 1) for back in range(count))
