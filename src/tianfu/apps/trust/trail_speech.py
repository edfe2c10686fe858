"""Say what the trail tells, to an officer, in the reader's language."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import groupby

from tianfu.apps.trust.mapping.trail import kinds_of, people_of_event
from tianfu.apps.trust.model.ledger import kind_of
from tianfu.apps.trust.model.trail import DEEDS, DONE
from tianfu.apps.trust.queries.names import Names
from tianfu.apps.trust.speech import KINDS_SAID_MAX, Speech
from tianfu.kernel.instants import CHINA_OFFSET, SECOND, Instant, china_date
from tianfu.records.trail.reading import TrailEvent
from tianfu.web.formats import Formats
from tianfu.web.languages import Language

COLUMNS = (
    "time",
    "event",
    "caller",
    "name",
    "staff",
    "institution",
    "institution-id",
    "role",
    "purpose",
    "rule",
    "what",
    "interaction",
    "outcome",
    "kinds",
    "people",
    "session",
    "request",
)
"""The columns of a download, in their order."""


class TrailSpeech(Speech):
    """One reader's language applied to events."""

    def __init__(self, language: Language) -> None:
        super().__init__(language)
        self._say = language

    def clock(self, at: Instant) -> str:
        """A 24-hour time in China with its seconds: 09:30:05."""
        seconds = (at + CHINA_OFFSET) // SECOND
        return f"{seconds // 3_600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"

    def moment(self, at: Instant) -> str:
        """A date and a time in China with its seconds."""
        return f"{Formats(self._say).day(china_date(at))} {self.clock(at)}"

    def stamp(self, at: Instant) -> str:
        """A date and a time in China for machines: 2026-11-23T09:30:05.123456+08:00."""
        return f"{china_date(at).isoformat()}T{self.clock(at)}.{at % SECOND:06}+08:00"

    def actor(self, event: TrailEvent, names: Names) -> str:
        """The name of who did it; the caller's id if the directory knows none."""
        return names.get(("Practitioner", event.practitioner or "")) or event.caller

    def place_of(self, event: TrailEvent, names: Names) -> str:
        """The institution for which it was done, its id if the directory knows no name; empty if there was none."""
        return names.get(("Organization", event.organisation or "")) or event.organisation or ""

    def purpose(self, code: str) -> str:
        """Why, in words."""
        return self._say.say_either(f"ledger.purpose-{code}", "ledger.purpose-other")

    def law(self, rule: str) -> str:
        """By which rule, in few words; a rule that the catalogue does not know is named."""
        return self._say.say_either(f"trail.rule-{rule}", "trail.rule-other", code=rule)

    def did(self, interaction: str) -> str:
        """What was done; an interaction that the catalogue does not know is named."""
        return self._say.say_either(f"trail.did-{interaction}", "trail.did-other", code=interaction)

    def deed(self, code: str) -> str:
        """A deed as it is searched for: a group of interactions, or one."""
        return self._say.say(f"trail.group-{code}") if code in DEEDS else self.did(code)

    def is_done(self, outcome: str) -> bool:
        """Whether it was done rather than refused."""
        return outcome in DONE

    def outcome_kind(self, outcome: str) -> str:
        """`done`, `begun` or `refused`."""
        return "begun" if outcome == "begun" else "done" if outcome in DONE else "refused"

    def refusal(self, code: str) -> str:
        """Why it was refused."""
        return self._say.say_either(f"trail.refusal-{code}", "trail.refusal-other", code=code)

    def outcome(self, code: str) -> str:
        """An outcome as it is searched for: done, refused, or why."""
        if code == "refused":
            return self._say.say("trail.outcome-any-refusal")
        return self._say.say("trail.outcome-done") if code == "done" else self.refusal(code)

    def touched(self, event: TrailEvent) -> list[str]:
        """How many records of which kind; at most `KINDS_SAID_MAX` kinds by name."""
        kinds = kinds_of(event)
        said = [self.count(kind, count) for kind, count in kinds[:KINDS_SAID_MAX]]
        rest = sum(count for _, count in kinds[KINDS_SAID_MAX:])
        return [*said, *([self.count("other", rest)] if rest else [])]

    def kind_of(self, resource_type: str) -> str:
        """What a person calls records of a type."""
        return self._say.say(f"ledger.kind-{kind_of(resource_type)}")

    def by_day(self, events: Sequence[TrailEvent]) -> list[tuple[date, list[TrailEvent]]]:
        """Events, newest first, by their days in China."""
        return [(day, list(each)) for day, each in groupby(events, key=lambda event: china_date(event.at))]

    def columns(self) -> list[str]:
        """The heads of a download's columns."""
        return [self._say.say(f"trail.column-{each}") for each in COLUMNS]

    def cells(self, event: TrailEvent, names: Names) -> Sequence[str]:
        """An event as a line of a download: words where a person reads, codes where a machine sorts."""
        return (
            self.stamp(event.at),
            event.id,
            event.caller,
            names.get(("Practitioner", event.practitioner or ""), ""),
            event.practitioner or "",
            names.get(("Organization", event.organisation or ""), ""),
            event.organisation or "",
            event.role,
            event.purpose,
            event.rule,
            self.did(event.interaction),
            event.interaction,
            event.outcome,
            self._say.say("format.list").join(self.touched(event)),
            " ".join(people_of_event(event)),
            event.session,
            event.request,
        )
