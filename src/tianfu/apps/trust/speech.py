"""Say who looked, why and at what, in the reader's language."""

from __future__ import annotations

import re

from markupsafe import Markup

from tianfu.apps.trust.model.consent import Text, Wording
from tianfu.apps.trust.model.ledger import Look
from tianfu.apps.trust.model.people import Person, Standing
from tianfu.apps.trust.model.tasks import TrustTask
from tianfu.apps.trust.queries.names import Names
from tianfu.kernel.instants import SECOND, Instant
from tianfu.web.formats import Formats
from tianfu.web.languages import Language

HOURS_SAID_MAX = 48
_HAN = re.compile(r"[\u3400-\u9fff]")

KINDS_SAID_MAX = 7
"""So many kinds of records are named in a line; the rest is counted together."""


class Speech:
    """One reader's language applied to the model."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self._formats = Formats(language)

    def who(self, look: Look, names: Names) -> str:
        """The looker's name, or what he is; no code ever."""
        return names.get(("Practitioner", look.newest.practitioner)) or self.role(look.newest.role)

    def role(self, role: str) -> str:
        """What somebody is."""
        return self._language.say_either(f"ledger.role-{role}", "ledger.role-other")

    def why(self, look: Look) -> str:
        """The purpose in words."""
        return self._language.say_either(f"ledger.purpose-{look.newest.purpose}", "ledger.purpose-other")

    def rule(self, rule: str) -> str:
        """Why it was allowed, in a sentence; a rule that the catalogue does not know yet is said to be one."""
        return self._language.say_either(f"ledger.rule-{rule}", "ledger.rule-other")

    def kinds(self, look: Look) -> list[str]:
        """How many records of which kind; at most `KINDS_SAID_MAX` kinds by name."""
        said = [self.count(kind, count) for kind, count in look.kinds[:KINDS_SAID_MAX]]
        rest = sum(count for _, count in look.kinds[KINDS_SAID_MAX:])
        return [*said, *([self.count("other", rest)] if rest else [])]

    def count(self, kind: str, count: int) -> str:
        """So many records of a kind."""
        return self._language.say("ledger.kind-count", kind=self._language.say(f"ledger.kind-{kind}"), count=count)

    def span(self, since: Instant, until: Instant) -> str:
        """A moment, or from one to the other of the same day."""
        first, last = self._formats.moment(since), self._formats.time(until)
        return first if first.endswith(last) else f"{first}–{last}"

    def times(self, look: Look) -> str:
        """When on that day: one time, or from the first to the last."""
        first, last = self._formats.time(look.since), self._formats.time(look.until)
        return first if first == last else f"{first}–{last}"

    def views(self, look: Look) -> list[str]:
        """From when to when a live picture was seen, to the second."""
        return [f"{self._formats.second(since)}–{self._formats.second(until)}" for since, until in look.views]

    def standing(self, person: Person) -> str:
        """What the reader is to the person: himself, my child, …"""
        return self._language.say(f"trust.standing-{person.standing}")

    def named(self, person: Person) -> str:
        """A person's name, or that it is not known."""
        return person.name or self._language.say("trust.unnamed")

    def name(self, names: Names, kind: str, logical_id: str) -> str:
        """The name of a patient, practitioner or institution, or that it may not be seen here."""
        return names.get((kind, logical_id)) or self._language.say(f"trust.hidden-{kind.lower()}")

    def reason_kind(self, task: TrustTask) -> str:
        """The chosen kind of reason; empty for none."""
        return self._language.say_either(f"emergency.kind-{task.reason_kind}", "emergency.kind-none")

    def wording(self, text: Text) -> Wording:
        """A consent's text as this reader reads it."""
        return text.in_language(self._language.tag)

    def waiting(self, since: Instant, now: Instant) -> str:
        """How long something has been waiting, in hours or days."""
        hours = (now - since) // (3_600 * SECOND)
        minutes = (now - since) // (60 * SECOND)
        if minutes < 1:
            return self._language.say("review.just-now")
        if hours < 1:
            return self._language.say("review.waiting-minutes", count=minutes)
        if hours < HOURS_SAID_MAX:
            return self._language.say("review.waiting-hours", count=hours)
        return self._language.say("review.waiting-days", count=hours // 24)

    def left(self, seconds: int) -> str:
        """Minutes and seconds that are left: 27:05."""
        return f"{seconds // 60}:{seconds % 60:02}"

    def words(self, text: str) -> Markup:
        """What somebody wrote, or a name: no direction of writing around it turns it about, and its tongue is said."""
        tongue = Markup(' lang="zh-CN"') if _HAN.search(text) and not self._language.tag.startswith("zh") else Markup()
        return Markup("<bdi{}>{}</bdi>").format(tongue, text)

    def is_for_other(self, person: Person) -> bool:
        """Whether the reader looks for somebody else, whose name every heading must say."""
        return person.standing != Standing.SELF
