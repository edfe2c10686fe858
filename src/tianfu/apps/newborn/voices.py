"""How a page of newborn visits speaks to a family: Chinese or English, with what is approved in Tibetan or Yi.

What is said in another language than its page is marked so, for screen readers, line heights and fonts.
Rule: docs/rules/newborn-wordings.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from tianfu.apps.newborn.model.wordings import LETTERS, phrases
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.wordings import approved_now
from tianfu.services.accounts.model.people import SignedIn
from tianfu.web.admission import SIGNED_IN
from tianfu.web.asking import HttpRequest
from tianfu.web.languages import DEFAULT_LANGUAGE, Language
from tianfu.web.look import LANGUAGE_COOKIE
from tianfu.web.pages import Pages


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A page's language, and beside it the tongue its reader chose, empty if none, with what is approved in it.

    `edition` grows whenever that changes.
    """

    language: Language
    tongue: str = ""
    approved: Mapping[str, str] = field(default_factory=dict, repr=False)
    edition: int = 0

    @property
    def chosen(self) -> str:
        """What the reader chose: the tongue, or the page's language."""
        return self.tongue or self.language.tag

    @property
    def counts(self) -> Mapping[str, int]:
        """How many sentences of the list are approved, and how many there are."""
        return {"count": len(self.approved), "all": len(phrases())}

    def say(self, key: str, **values: object) -> str:
        """The phrase, in the tongue where it is approved."""
        said = self.approved.get(key)
        return self.language.say(key, **values) if said is None else said.format_map(values)

    def tongue_of(self, key: str) -> str:
        """The tongue in which a phrase is said, empty where it is said in the page's language."""
        return self.tongue if key in self.approved else ""

    def marked(self, key: str, **values: object) -> Markup:
        """The phrase for a page, marked where it is said in the tongue."""
        said = escape(self.say(key, **values))
        return Markup('<span lang="{}">{}</span>').format(self.tongue, said) if self.tongue_of(key) else said

    def as_attribute(self, key: str) -> Markup:
        """The mark for an element whose own label is the phrase."""
        return Markup(' lang="{}"').format(self.tongue) if self.tongue_of(key) else Markup()

    def tongues(self, keys: Mapping[str, str]) -> Mapping[str, str]:
        """Of named phrases, those said in the tongue."""
        return {name: self.tongue for name, key in keys.items() if key in self.approved}


async def voice_of(pages: Pages, nursery: Nursery, request: HttpRequest) -> Voice:
    """How a page speaks: as this device was told, else as its reader chose elsewhere."""
    asking = pages.asking(request)
    if asking.tongue or LANGUAGE_COOKIE in request.cookies or asking.language_was_asked:
        return await voice_here(pages, nursery, request)
    signed_in = request.scope["state"].get(SIGNED_IN)
    chosen = await nursery.wordings.chosen(signed_in.account.id) if isinstance(signed_in, SignedIn) else ""
    if chosen in LETTERS:
        return await _voice(pages.languages[DEFAULT_LANGUAGE], nursery, chosen)
    return Voice(language=pages.languages.get(chosen, asking.language))


async def voice_here(pages: Pages, nursery: Nursery, request: HttpRequest) -> Voice:
    """How this device was told to speak; what a page asks all the time asks no more than that."""
    asking = pages.asking(request)
    return await _voice(asking.language, nursery, asking.tongue)


async def _voice(language: Language, nursery: Nursery, tongue: str) -> Voice:
    if not tongue:
        return Voice(language=language)
    shown = await approved_now(nursery, tongue)
    return Voice(language=language, tongue=tongue, approved=shown.words, edition=shown.edition)
