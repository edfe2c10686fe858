"""Which Hounsfield units are shown from black to white (PS3.3 C.11.2.1.3.2, the linear-exact function)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from tianfu.kernel.refusal import Refusal

WIDTH_HU_MAX = 100_000.0
"""Wider than anything a CT can hold. [ours]"""


class WindowName(StrEnum):
    """The usual windows; `rt.picture-window-` and this is the key of its word."""

    LUNG = "lung"
    MEDIASTINUM = "mediastinum"
    SOFT_TISSUE = "soft-tissue"
    BRAIN = "brain"
    BONE = "bone"


@dataclass(frozen=True, kw_only=True)
class Window:
    """The value in the middle of the greys, and how far it is from black to white."""

    centre_hu: float
    width_hu: float

    def __post_init__(self) -> None:
        """Raise Refusal `picture-window-out-of-range`."""
        is_wide = math.isfinite(self.width_hu) and 0 < self.width_hu <= WIDTH_HU_MAX
        if not (is_wide and math.isfinite(self.centre_hu) and abs(self.centre_hu) <= WIDTH_HU_MAX):
            details = {"centre": f"{self.centre_hu:g}", "width": f"{self.width_hu:g}", "most": f"{WIDTH_HU_MAX:g}"}
            raise Refusal("picture-window-out-of-range", details=details)


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A usual window; `mark` tells where its numbers are from."""

    name: WindowName
    window: Window
    mark: str


PRESETS = (
    Preset(name=WindowName.LUNG, window=Window(centre_hu=-600, width_hu=1500), mark="[memory]"),
    Preset(name=WindowName.MEDIASTINUM, window=Window(centre_hu=50, width_hu=350), mark="[memory]"),
    Preset(name=WindowName.SOFT_TISSUE, window=Window(centre_hu=40, width_hu=400), mark="[memory]"),
    Preset(name=WindowName.BRAIN, window=Window(centre_hu=40, width_hu=80), mark="[memory]"),
    Preset(name=WindowName.BONE, window=Window(centre_hu=400, width_hu=1800), mark="[memory]"),
)
"""Departments differ by a few tens of Hounsfield units; a page may offer its own beside them."""


def window_named(name: WindowName) -> Window:
    """The usual window of this name."""
    return next(preset.window for preset in PRESETS if preset.name is name)
