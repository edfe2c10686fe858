"""What a check found, and what it could not look at."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

Kind = Literal[
    "event-changed",
    "events-missing",
    "event-inserted",
    "event-behind-the-end",
    "tail-missing",
    "head-contradicts",
    "writer-unknown",
    "events-outside-the-chain",
    "epoch-missing",
    "epoch-changed",
    "root-missing",
    "root-changed",
    "evidence-changed",
]
"""What can only be if somebody changed something."""

Gap = Literal[
    "no-heads", "no-roots", "no-keys", "unknown-key", "no-heads-of-writer", "root-not-outside", "roots-pruned"
]
"""What could not be checked."""

SENTENCES: dict[str, str] = {
    "event-changed": "this event or its place was changed",
    "events-missing": "events before this one were deleted",
    "event-inserted": "an event was put in at a number that another has",
    "event-behind-the-end": "an event was put in behind the signed end of its lane",
    "tail-missing": "this event and all behind it were deleted: it was acknowledged outside the database",
    "head-contradicts": "from here on the lane was written anew: what was acknowledged outside the database differs",
    "writer-unknown": "events of a process that never began, or whose beginning was deleted",
    "events-outside-the-chain": "events without a place in a chain, from after the chain began",
    "epoch-missing": "the record with which a process began was deleted",
    "epoch-changed": "the record with which a process began was changed or forged",
    "root-missing": "a signed root was deleted",
    "root-changed": "a signed root was changed or forged",
    "evidence-changed": "a file outside the database was changed",
    "no-heads": "no head files were given: a cut tail since the last root would not show",
    "no-roots": "no roots were given: only head files vouch for the ends of lanes",
    "no-keys": "no public keys were given: no signature was checked",
    "unknown-key": "a signature is of a key that was not given",
    "no-heads-of-writer": "nothing outside the database tells how far this process had come",
    "root-not-outside": "roots lie in the database only",
    "roots-pruned": "the roots given do not begin with the first",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing found; `number` and `at` (microseconds) are those of the first event concerned."""

    kind: Kind | Gap
    writer: str = ""
    lane: int | None = None
    number: int | None = None
    at: int | None = None
    detail: str = ""

    def __str__(self) -> str:
        where = [
            f"writer {self.writer}" if self.writer else "",
            f"lane {self.lane}" if self.lane is not None else "",
            f"number {self.number}" if self.number is not None else "",
            instant(self.at) if self.at is not None else "",
            self.detail,
        ]
        told = ", ".join(each for each in where if each)
        return f"{self.kind}: {SENTENCES[self.kind]}" + (f" ({told})" if told else "")


@dataclass(slots=True, kw_only=True)
class Report:
    """Everything a check says."""

    tampered: list[Finding] = field(default_factory=list)
    unchecked: list[Finding] = field(default_factory=list)
    events: int = 0
    lanes: int = 0
    writers: int = 0
    roots: int = 0
    before_the_chain: int = 0
    unacknowledged: int = 0
    seconds: float = 0.0

    @property
    def verdict(self) -> Literal["tampered", "partly-checked", "intact"]:
        """The whole in a word."""
        return "tampered" if self.tampered else "partly-checked" if self.unchecked else "intact"

    def as_json(self) -> dict[str, object]:
        """The report as JSON values."""
        values = asdict(self)
        for name in ("tampered", "unchecked"):
            values[name] = [
                {key: value for key, value in each.items() if value not in ("", None)}
                | {"says": SENTENCES[str(each["kind"])]}
                for each in values[name]
            ]
        return {"verdict": self.verdict, **values}

    def lines(self) -> list[str]:
        """The report for people."""
        looked_at = (
            f"{self.events:,} events in {self.lanes:,} lanes of {self.writers:,} processes, {self.roots:,} roots"
        )
        told = [f"{looked_at}, checked in {self.seconds:.1f} s"]
        if self.unacknowledged:
            told.append(
                f"not yet complete: {self.unacknowledged:,} events at the ends of lanes were not acknowledged yet"
            )
        if self.before_the_chain:
            told.append(f"before the chain began: {self.before_the_chain:,} events, for which nothing vouches")
        told += [f"TAMPERED  {each}" for each in self.tampered]
        told += [f"unchecked {each}" for each in self.unchecked]
        ends = {
            "tampered": "The trail was changed.",
            "partly-checked": "Nothing was found, but only part could be checked.",
            "intact": "The trail is intact.",
        }
        return [*told, ends[self.verdict]]


def instant(microseconds: int) -> str:
    """An instant for people, in UTC."""
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)).isoformat()
    except OverflowError:
        return f"instant {microseconds}"
