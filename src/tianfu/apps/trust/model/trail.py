"""What an officer asks of the audit trail: sound values from a form or an address, and the ways on from one event.

Ward rule: docs/rules/ledger.md
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from tianfu.kernel.ids import FHIR_ID
from tianfu.kernel.instants import DAY, SECOND, Instant, china_date, day_start, days_later
from tianfu.kernel.refusal import Fault, Refusal

FIELDS = (
    "person",
    "who",
    "where",
    "role",
    "deed",
    "outcome",
    "span",
    "from",
    "from-time",
    "to",
    "to-time",
    "session",
    "record",
)
"""Everything that a search may say, by the names of form and address."""

NAMES_MAX = 20
"""So many people, callers or institutions are searched for at once."""

DONE = frozenset({"success", "matched", "begun"})
"""Outcomes of what was done; every other is the code of why it was not."""

DEEDS: Mapping[str, tuple[str, ...]] = {
    "look": (
        "read",
        "read_many",
        "search",
        "timeline",
        "everything",
        "measured",
        "my_patients",
        "history",
        "vread",
        "census",
        "locate",
    ),
    "write": ("create", "update", "update_matching", "transaction", "batch", "import"),
    "remove": ("delete", "delete_matching", "erase"),
    "take-away": ("export", "audit_export"),
    "trail": ("ledger", "audit_events", "audit_event"),
    "entering": (
        "send-code",
        "sign-in",
        "sign-in-step",
        "outside-sign-in",
        "step-up",
        "sign-out",
        "ticket-given",
        "session-ended",
        "session-shown",
    ),
    "accounts": (
        "change-credentials",
        "join",
        "appoint",
        "dismiss",
        "leave",
        "tie-record",
        "unlock",
        "outside-link",
        "outside-unlink",
    ),
    "programs": (
        "program-authorise",
        "program-approve",
        "program-token",
        "program-refresh",
        "program-introspect",
        "program-revoke",
        "program-read",
        "program-user",
        "client-register",
        "client-keys",
        "client-disable",
    ),
    "live": (
        "watch-begin",
        "watch-end",
        "scan-code",
        "confirm-binding",
        "open-curtain",
        "draw-curtain",
        "cut-picture",
        "end-visit",
        "decline-visit",
        "hold-ward",
        "hear-ward",
        "silence-family",
        "register-camera",
        "change-camera-login",
        "retire-camera",
        "give-camera-credential",
        "take-camera-credential",
        "return-camera",
        "hang-camera",
        "give-paper",
        "decline-claim",
        "withdraw-claim",
        "invite-relative",
        "end-invitation",
        "book-visit",
        "give-up-visit",
        "ask-interpreter",
        "accept-interpreting",
        "decline-interpreting",
        "let-interpret",
        "end-interpreting",
        "ask-expert",
        "accept-consultation",
        "decline-consultation",
        "withdraw-consultation",
        "sign-opinion",
        "read-measured",
        "move-camera",
        "call-ward",
        "answer-family",
        "release-ward",
        "enter-wording",
        "approve-wording",
        "refuse-wording",
        "withdraw-wording",
        "choose-language",
    ),
    "house": ("who-can-read", "rotate-keys"),
}
"""What was done, by groups of interactions as the trail names them."""

REFUSALS = (
    "not-found",
    "role-cannot-do-this",
    "purpose-not-allowed",
    "consent-not-yours",
    "referral-not-yours",
    "emergency-not-yours",
    "emergency-too-long",
    "emergency-not-now",
    "emergency-reason-missing",
    "emergency-without-notice",
    "sign-in-refused",
    "code-wrong",
    "sign-in-closed",
    "session-over",
    "role-of-development",
    "token-refused",
    "token-expired",
    "not-below-you",
    "appointing-oneself",
    "two-offices",
    "audit-trail-apart",
    "audit-trail-read-only",
    "too-many-found",
)
"""Refusals that an officer looks for; others are shown when they come up, and can be followed from there."""

_CODE = re.compile(r"[a-z][a-z0-9_-]{0,63}\Z")
_NAME = re.compile(r"[!-+\--~]{1,100}\Z")
"""Caller and session as the trace names them: visible ASCII, no comma."""

_NUMBER = re.compile(r"[0-9]{15}(?:[0-9]{2}[0-9Xx])?\Z")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])(?::[0-5][0-9])?\Z")
_COMMAS = re.compile(r"[,，、;；\s]+")


class Span(StrEnum):
    """The stretches of time that one press chooses; all end now."""

    TODAY = "today"
    WEEK = "7"
    MONTH = "30"
    ALL = "all"


_DAYS_OF = {Span.TODAY: 1, Span.WEEK: 7, Span.MONTH: 30}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailWish:
    """A sound search; what is empty asks nothing.

    `people` are Patient ids, `actors` callers or Practitioner ids, `outcome` is `done`, `refused` or a refusal's code;
    `since` counts in, `until` does not.  `span` is None where days were given.
    """

    people: tuple[str, ...]
    actors: tuple[str, ...]
    institutions: tuple[str, ...]
    role: str
    deed: str
    outcome: str
    session: str
    record: tuple[str, str] | None
    span: Span | None
    since: Instant | None
    until: Instant | None

    @property
    def interactions(self) -> tuple[str, ...] | None:
        """The interactions of the deed; None for every one."""
        return DEEDS.get(self.deed, (self.deed,)) if self.deed else None

    @property
    def is_narrowed(self) -> bool:
        """Whether anything besides the time is asked."""
        return any((self.people, self.actors, self.institutions, self.role, self.deed, self.outcome, self.session)) or (
            self.record is not None
        )


def looks_like_number(text: str) -> bool:
    """Whether a text has the form of an identity number, which stands in no address."""
    return _NUMBER.match("".join(text.split())) is not None


def names_in(text: str) -> tuple[str, ...] | None:
    """Names of the trace between commas; None if it is a name of another kind, such as a person's."""
    parts = tuple(dict.fromkeys(each for each in _COMMAS.split(text) if each))
    if " " in text.strip() and "," not in text:
        return None
    return parts if parts and all(_NAME.match(each) for each in parts) else None


def ids_in(text: str) -> tuple[str, ...] | None:
    """Logical ids between commas; None if it is something else."""
    found = names_in(text)
    return found if found and all(FHIR_ID.match(each) for each in found) else None


@dataclass(slots=True)
class _Faults:
    found: list[Fault] = field(default_factory=list)

    def add(self, path: str, code: str, **details: str) -> None:
        self.found.append(Fault(path, code, details))


def read_wish(given: Mapping[str, str], *, roles: Sequence[str], today: date) -> TrailWish:
    """What a form or an address asks for; raises Refusal `trail-unusable` with the faults of the fields."""
    faults = _Faults()
    says = {name: given.get(name, "").strip() for name in FIELDS}
    since, until = _times(says, faults)
    span = None if says["from"] or says["to"] else _span(says["span"])
    wish = TrailWish(
        people=_people(says["person"], faults),
        actors=_names("who", says["who"], names_in(says["who"]), faults),
        institutions=_names("where", says["where"], ids_in(says["where"]), faults),
        role=_choice("role", says["role"], says["role"] in roles, faults),
        deed=_choice("deed", says["deed"], _CODE.match(says["deed"]) is not None, faults),
        outcome=_choice("outcome", says["outcome"], _CODE.match(says["outcome"]) is not None, faults),
        session=_choice("session", says["session"], _NAME.match(says["session"]) is not None, faults),
        record=_record(says["record"], faults),
        span=span,
        since=_start(span, today) if span else since,
        until=until,
    )
    if faults.found:
        raise Refusal("trail-unusable", faults=tuple(faults.found))
    return wish


def _people(text: str, faults: _Faults) -> tuple[str, ...]:
    if not text:
        return ()
    if looks_like_number(text):
        faults.add("person", "number-in-address")
        return ()
    ids = ids_in(text)
    if ids is None:
        faults.add("person", "person-unusable")
        return ()
    return _few("person", ids, faults)


def _names(path: str, text: str, found: tuple[str, ...] | None, faults: _Faults) -> tuple[str, ...]:
    if not text:
        return ()
    if found is None:
        faults.add(path, f"{path}-not-found")
        return ()
    return _few(path, found, faults)


def _few(path: str, found: tuple[str, ...], faults: _Faults) -> tuple[str, ...]:
    if len(found) > NAMES_MAX:
        faults.add(path, "too-many-names", count=str(NAMES_MAX))
    return found


def _choice(path: str, text: str, is_known: bool, faults: _Faults) -> str:
    if text and not is_known:
        faults.add(path, "choice-unknown")
    return text


def _record(text: str, faults: _Faults) -> tuple[str, str] | None:
    kind, _, logical_id = text.partition("/")
    if not text:
        return None
    if not (kind.isascii() and kind.isalpha() and FHIR_ID.match(logical_id)):
        faults.add("record", "choice-unknown")
    return kind, logical_id


def _span(text: str) -> Span:
    return Span(text) if text in set(Span) else Span.TODAY


def _start(span: Span, today: date) -> Instant | None:
    days = _DAYS_OF.get(span)
    return None if days is None else day_start(days_later(today, 1 - days))


def _times(says: Mapping[str, str], faults: _Faults) -> tuple[Instant | None, Instant | None]:
    """From the start of the first minute or day to the end of the last."""
    since = _moment(says, "from", faults)
    until = _moment(says, "to", faults)
    start = since[0] if since else None
    end = until[1] if until else None
    if start is not None and end is not None and end <= start:
        faults.add("to", "ends-before-it-begins")
    return start, end


def _moment(says: Mapping[str, str], name: str, faults: _Faults) -> tuple[Instant, Instant] | None:
    """The first microsecond of a day or minute in China, and the one after its last."""
    day, time = says[name], says[f"{name}-time"]
    if not day:
        if time:
            faults.add(name, "day-needed")
        return None
    try:
        start = day_start(date.fromisoformat(day)) if _DAY.match(day) else None
    except ValueError:
        start = None
    if start is None:
        faults.add(name, "day-unusable")
        return None
    if not time:
        return start, Instant(start + DAY)
    found = _TIME.match(time)
    if found is None:
        faults.add(f"{name}-time", "time-unusable")
        return None
    minute = Instant(start + (int(found[1]) * 60 + int(found[2])) * 60 * SECOND)
    return minute, Instant(minute + 60 * SECOND)


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """A search that one press starts from an event: its words, and the fields of its address."""

    key: str
    fields: Mapping[str, str]


def ways_on(*, at: Instant, caller: str, people: Sequence[str], session: str, outcome: str) -> tuple[Following, ...]:
    """What is asked next of an event: its caller that day, its person, its session, others so refused."""
    day = china_date(at)
    around = {"from": days_later(day, -1).isoformat(), "to": days_later(day, 1).isoformat()}
    found = [Following(key="caller", fields={"who": caller, "from": day.isoformat(), "to": day.isoformat()})]
    if 0 < len(people) <= NAMES_MAX:
        found.append(Following(key="person", fields={"person": ",".join(people), "span": Span.ALL}))
    if session:
        found.append(Following(key="session", fields={"session": session, **around}))
    if outcome not in DONE and _CODE.match(outcome):
        found.append(Following(key="refusal", fields={"outcome": outcome, **around}))
    return tuple(found)
