"""How this app says what codes and numbers mean, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tianfu.web.languages import Language, Phrase

DATE_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Speech:
    """The words of one language."""

    language: Language

    def said(self, code: str, details: Mapping[str, str]) -> str:
        """The sentence of a refusal or a finding; its code where a word of it is missing."""
        key = f"refusal.{code}"
        try:
            return self.language.say(key, **details) if self.language.has(key) else code
        except KeyError:
            return code

    def phrases(self, *beginnings: str) -> dict[str, Phrase]:
        """All phrases whose keys begin so, with their blanks, for a script that fills them."""
        known = {**self.language.fallback, **self.language.phrases}
        return {key: phrase for key, phrase in known.items() if key.startswith(beginnings)}

    def step(self, step: str) -> str:
        """What a work is doing."""
        key = f"rt.step-{step}"
        return self.language.say(key) if self.language.has(key) else ""

    def name(self, name: str) -> str:
        """A person's name as DICOM writes it, as people write it (PS3.5 6.2.1)."""
        ideographic = name.split("=")[1] if name.count("=") else ""
        return " ".join(part for part in (ideographic or name.split("=")[0]).split("^") if part)

    def approval(self, status: str) -> str:
        """Approval Status (300E,0002) in words; one that the standard does not know as it stands."""
        return self.language.say_either(f"rt.approval-{status or 'UNSAID'}", "rt.approval-other", status=status)

    def sex(self, sex: str) -> str:
        """Patient's Sex (0010,0040) in words."""
        return self.language.say(f"rt.sex-{sex}" if sex in {"M", "F", "O"} else "rt.unsaid")

    def date(self, date: str) -> str:
        """A date of DICOM (PS3.5 6.2, DA) as people write it; empty if it is none."""
        is_date = len(date) == DATE_DIGITS and date.isascii() and date.isdigit()
        return f"{date[:4]}-{date[4:6]}-{date[6:]}" if is_date else ""
