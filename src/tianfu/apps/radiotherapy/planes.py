"""What a page of planes shows, by its address: where each plane is, in which window, and what counts as 100 %."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode

from tianfu.apps.radiotherapy.looking import Ground, ShownPlane, Wish, middle_mm, shown_plane
from tianfu.apps.radiotherapy.pictures.frames import PlaneKind
from tianfu.apps.radiotherapy.pictures.windows import WindowName
from tianfu.web.languages import Language

Kind = TypeVar("Kind", bound=StrEnum)


@dataclass(frozen=True, kw_only=True)
class ShownPlanes:
    """The planes, each as often as there are grounds; `kept` is the address of just this, but for its path."""

    planes: tuple[tuple[ShownPlane, ...], ...]
    kept: Mapping[str, str]


def shown_planes(
    grounds: Sequence[Ground], asked: Mapping[str, str], language: Language, *, dose: str, pictures: str
) -> ShownPlanes:
    """The three planes of each ground, all at the places and in the window that an address asks for.

    `dose` is the name in the address of the dose that was chosen, empty for none; 100 % is the same in all: what was
    said, or what the first ground's plan prescribes.  `pictures` is where the pictures of planes are.
    Raises Refusal as `shown_plane` does.
    """
    window = one_of(WindowName, asked.get("window", ""), WindowName.SOFT_TISSUE)
    reference_gy = number_in(_reference(asked, dose)) or grounds[0].prescribed_gy
    shown = []
    for kind in PlaneKind:
        place = number_in(asked.get(kind.value, ""))
        at_mm = middle_mm(grounds[0], kind) if place is None else place
        wish = Wish(kind=kind, at_mm=at_mm, window=window, reference_gy=reference_gy)
        shown.append(
            tuple(
                shown_plane(
                    ground, wish, language, key=f"plane-{kind.value}-{number}", picture=_picture(ground, wish, pictures)
                )
                for number, ground in enumerate(grounds, start=1)
            )
        )
    kept = {each[0].kind.value: f"{each[0].at_mm:.3f}" for each in shown}
    kept |= {"window": window.value, "dose": dose, "reference": "" if reference_gy is None else f"{reference_gy:g}"}
    return ShownPlanes(planes=tuple(shown), kept=kept)


def _picture(ground: Ground, wish: Wish, pictures: str) -> str:
    fields = {"at": f"{wish.at_mm:.3f}", "window": wish.window.value, "images": ground.images.header.series.uid}
    return f"{pictures}/{wish.kind.value}.png?{urlencode(fields)}"


def _reference(asked: Mapping[str, str], dose: str) -> str:
    """What was said to be 100 %; nothing if it only still stood there when another dose was chosen.

    It is what that dose's plan prescribes, or was said of it, and no other plan's.
    """
    said = asked.get("reference", "")
    is_left = dose != asked.get("shown_dose", dose) and said == asked.get("shown_reference", "")
    return "" if is_left else said


def number_in(text: str) -> float | None:
    """A number from an address; None for anything else."""
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def one_of(kinds: type[Kind], name: str, otherwise: Kind) -> Kind:
    """A word of an address; what is none of the words counts as unsaid."""
    return kinds(name) if name in {each.value for each in kinds} else otherwise
