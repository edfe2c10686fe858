"""What may draw contours, by what was typed: nothing is a default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianfu.kernel.refusal import Refusal

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.model.contouring.providers import Provider

KNOWN = "rules, atlas=FOLDER, onnx=FOLDER"


def provider_from(typed: str, *, agreement_min: float | None, working_mm: float | None) -> Provider:
    """The provider that is meant; raises Refusal `option-unknown`, and those of what it is read from."""
    kind, _, folder = typed.partition("=")
    if kind == "rules" and not folder:
        return _rules()
    raise Refusal("option-unknown", details={"given": typed, "known": KNOWN})


def _rules() -> Provider:
    from tianfu.apps.radiotherapy.model.contouring.levels import ADULT
    from tianfu.apps.radiotherapy.model.contouring.rules import Rules

    return Rules(levels=ADULT)
