"""Say roles, methods and places in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable

from tianfu.services.accounts.model.people import Method
from tianfu.web.languages import Language


class Speech:
    """One reader's language applied to accounts."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def role(self, role: str) -> str:
        """What somebody is."""
        return self._language.say_either(f"entrance.role-{role}", "entrance.role-other")

    def methods(self, methods: Iterable[Method]) -> str:
        """By what somebody signed in."""
        said = [self._language.say(f"entrance.method-{each.value}") for each in sorted(methods)]
        return self._language.say("format.list").join(said)
