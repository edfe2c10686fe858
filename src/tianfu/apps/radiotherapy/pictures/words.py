"""The words of pictures in the reader's language."""

from __future__ import annotations

from tianfu.apps.radiotherapy.model.gamma import GammaMap
from tianfu.apps.radiotherapy.pictures.dvh_plot import DvhWords
from tianfu.apps.radiotherapy.pictures.frames import UPRIGHT, PlaneFrame, PlaneKind, Side
from tianfu.apps.radiotherapy.pictures.gamma_plot import GammaWords
from tianfu.apps.radiotherapy.pictures.overlays import OverlayWords
from tianfu.apps.radiotherapy.pictures.windows import WindowName
from tianfu.web.languages import Language

AXES = "xyz"


def plane_word(kind: PlaneKind, language: Language) -> str:
    """Axial, sagittal or coronal."""
    return language.say(f"rt.picture-plane-{kind.value}")


def window_word(name: WindowName, language: Language) -> str:
    """The usual name of a window."""
    return language.say(f"rt.picture-window-{name.value}")


def overlay_words(frame: PlaneFrame, *, structures: int, language: Language, whose: str = "") -> OverlayWords:
    """The title tells the plane, where it lies in the patient's coordinates, and the plan it is of if one is named."""
    title = language.say(
        "rt.picture-overlay-title-of" if whose else "rt.picture-overlay-title",
        whose=whose,
        plane=plane_word(frame.kind, language),
        axis=AXES[UPRIGHT[frame.kind].normal],
        position=f"{frame.position_mm:.1f}",
    )
    return OverlayWords(
        title=title,
        description=language.say("rt.picture-overlay-description", count=structures),
        sides={side: language.say(f"rt.picture-side-{side.value}") for side in Side},
        between_drawn=language.say("rt.picture-between-drawn"),
    )


def dvh_words(language: Language, *, key: str, structures: int, plans: tuple[str, str] = ("", "")) -> DvhWords:
    """`plans` are the names of two plans that are compared."""
    return DvhWords(
        key=key,
        title=language.say("rt.picture-dvh-title"),
        description=language.say("rt.picture-dvh-description", count=structures),
        dose=language.say("rt.picture-dose"),
        volume=language.say("rt.picture-volume"),
        first=plans[0],
        second=plans[1],
    )


def gamma_words(gamma: GammaMap, language: Language, *, key: str) -> GammaWords:
    """The description tells how many points pass."""
    description = language.say(
        "rt.picture-gamma-description", percent=f"{gamma.pass_percent:.1f}", judged=str(gamma.judged)
    )
    return GammaWords(
        key=key,
        title=language.say("rt.picture-gamma-title"),
        description=description,
        gamma=language.say("rt.picture-gamma"),
        passes=language.say("rt.picture-gamma-passes"),
        fails=language.say("rt.picture-gamma-fails"),
        not_reached=language.say("rt.picture-gamma-not-reached"),
        share=language.say("rt.picture-gamma-share"),
    )
