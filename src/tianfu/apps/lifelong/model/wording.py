"""Names that a record carries in several languages, and which of them to say.

FHIR R4 CodeableConcept: https://hl7.org/fhir/R4/datatypes.html#CodeableConcept
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

CHINESE = "zh-CN"
ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class Spoken:
    """Words together with the language they are in, so that the page can mark them."""

    text: str
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """One code of one system; `display` may be empty."""

    system: str
    code: str
    display: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concept:
    """A thing with its codes; `text` is how the writer put it."""

    text: str = ""
    codings: tuple[Coding, ...] = ()
    strength: str = ""
    """Of a medicine, how strong and how much of it, where the writer put it into the text: `0.1 g×20片`."""

    def has(self, system: str, codes: Iterable[str]) -> bool:
        """Whether one of the codings is among `codes` of `system`."""
        return any(coding.system == system and coding.code in codes for coding in self.codings)

    @property
    def key(self) -> str:
        """The first coding as `system|code`; empty without one."""
        return f"{self.codings[0].system}|{self.codings[0].code}" if self.codings else ""

    def named(self, tag: str) -> Spoken | None:
        """The best of the record's own names for a reader of `tag`; the bare code when there is no name."""
        names = [self.text, *(coding.display for coding in self.codings)]
        return best_name(names, tag) or best_name([coding.code for coding in self.codings], tag)


NOTHING = Concept()

_DOSE = r"\d[\d.,]*\s*(?:mg|kg|g|μg|µg|ug|mcg|ng|mL|ml|L|IU|U|mmol|%|万?(?:国际)?单位)(?![A-Za-z])"
_PACK = r"\s*[×xX*]\s*\d+\s*[粒片袋揿丸支瓶贴喷吸滴枚]?"
_STRENGTH = re.compile(rf"{_DOSE}(?:\s*[:：/]\s*{_DOSE})?(?:{_PACK})?")


def strength_in(name: str) -> str:
    """Every strength that the name of a medicine tells, in its order; empty if it tells none."""
    return " ".join(_STRENGTH.findall(name))


def best_name(names: Iterable[str], tag: str) -> Spoken | None:
    """The first name in the reader's script, else the first there is."""
    spoken = [Spoken(name, language_of(name)) for name in names if name]
    wants_han = tag.startswith("zh")
    return next((name for name in spoken if (name.tag == CHINESE) == wants_han), spoken[0] if spoken else None)


def language_of(text: str) -> str:
    """Chinese if the text has a Han character, else English: the two that records of this province are kept in."""
    return CHINESE if any("\u3400" <= letter <= "\u9fff" for letter in text) else ENGLISH
