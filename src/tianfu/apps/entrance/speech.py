"""Say roles, methods and places in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tianfu.services.accounts.model.agents import agent_of
from tianfu.services.accounts.model.people import Method
from tianfu.services.accounts.outside import Link, Provider
from tianfu.web.languages import DEFAULT_LANGUAGE, Language


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

    def agent(self, text: str) -> str:
        """A browser and the system it runs on, as people call them."""
        browser, system = agent_of(text)
        if system:
            known = browser or self._language.say("account.agent-any")
            return self._language.say("account.agent-on", browser=known, system=system)
        return browser or self._language.say("account.agent-unknown")

    def provider(self, provider: Provider) -> str:
        """What people call a provider."""
        return self._named(provider.names)

    def link(self, link: Link, providers: Sequence[Provider]) -> str:
        """What people call the provider of a link, or where it is if it is set no more."""
        return next((self._named(each.names) for each in providers if each.key == link.provider), link.issuer)

    def _named(self, names: Mapping[str, str]) -> str:
        return names.get(self._language.tag) or names.get(DEFAULT_LANGUAGE) or next(iter(names.values()))
