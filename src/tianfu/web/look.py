"""How a page looks for this reader: scheme, density and elder mode, remembered and written by the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

SCHEMES = ("light", "dark", "night")
DENSITIES = ("clinician", "citizen")

LOOK_COOKIE = "look"
LANGUAGE_COOKIE = "language"
COOKIE_SECONDS = 365 * 24 * 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A reader's choice; kindnesses may have a default (design principle 6)."""

    scheme: str = "light"
    density: str = "clinician"
    elder: bool = False

    @classmethod
    def remembered(cls, cookie: str | None, *, density: str = "clinician") -> Self:
        """Read the cookie back; anything unknown in it is ignored, and without a choice the density is as given."""
        look = cls(density=density)
        for part in (cookie or "").split("."):
            look = look.with_choices({_question(part): part})
        return look

    def as_cookie(self, *, with_density: bool = True) -> str:
        """The cookie's value; without the density it stays as it is likely for whoever comes."""
        return ".".join((self.scheme, *((self.density,) if with_density else ()), "on" if self.elder else "off"))

    def with_choices(self, choices: Mapping[str, str]) -> Self:
        """This look with the valid answers among `choices`."""
        look = self
        if choices.get("scheme") in SCHEMES:
            look = replace(look, scheme=choices["scheme"])
        if choices.get("density") in DENSITIES:
            look = replace(look, density=choices["density"])
        if choices.get("elder") in {"on", "off"}:
            look = replace(look, elder=choices["elder"] == "on")
        return look


def has_density(cookie: str | None) -> bool:
    """Whether somebody chose a density, rather than what was likely for him."""
    return not set(DENSITIES).isdisjoint((cookie or "").split("."))


def _question(answer: str) -> str:
    if answer in SCHEMES:
        return "scheme"
    return "density" if answer in DENSITIES else "elder"
