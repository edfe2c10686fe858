"""Say roles, kinds of units, methods and names in the reader's language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from markupsafe import Markup

from tianfu.apps.administration.model.units import Unit
from tianfu.services.accounts.model.agents import agent_of
from tianfu.services.accounts.model.people import Method
from tianfu.web.languages import Language

_HAN = re.compile(r"[\u3400-\u9fff]")


class Speech:
    """One reader's language applied to the model."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def role(self, role: str) -> str:
        """What somebody is; a role that the catalogue does not know is said to be another."""
        return self._language.say_either(f"staff.role-{role}", "staff.role-other")

    def kind(self, kind: str) -> str:
        """What a unit is."""
        return self._language.say(f"unit.kind-{kind}")

    def unit(self, unit: Unit) -> Markup:
        """A unit's name, or that it has none."""
        return self.words(unit.name) if unit.name else Markup("{}").format(self._language.say("unit.unnamed"))

    def organisation(self, names: Mapping[str, str], organisation: str) -> Markup:
        """An organisation's name, or that it is not in the directory."""
        name = names.get(organisation)
        return self.words(name) if name else Markup("{}").format(self._language.say("unit.unknown"))

    def methods(self, methods: Iterable[Method]) -> str:
        """By what somebody signed in."""
        said = [self._language.say(f"staff.method-{each.value}") for each in sorted(methods)]
        return self._language.say("format.list").join(said)

    def agent(self, text: str) -> str:
        """A browser and the system it runs on, as people call them."""
        browser, system = agent_of(text)
        if system:
            known = browser or self._language.say("staff.agent-any")
            return self._language.say("staff.agent-on", browser=known, system=system)
        return browser or self._language.say("staff.agent-unknown")

    def words(self, text: str) -> Markup:
        """A name: no direction of writing around it turns it about, and its tongue is said."""
        tongue = Markup(' lang="zh-CN"') if _HAN.search(text) and not self._language.tag.startswith("zh") else Markup()
        return Markup("<bdi{}>{}</bdi>").format(tongue, text)
