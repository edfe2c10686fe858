"""The planning templates that come with the program, from `data/templates`; a department's are read the same way."""

from __future__ import annotations

from importlib.resources import files

from tianfu.apps.radiotherapy.model.planning.templates import plan_wish_from
from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish


def shipped_templates() -> dict[str, PlanWish]:
    """All templates by name, in the order of their names."""
    folder = files(__package__).joinpath("data", "templates")
    read = [plan_wish_from(file.read_bytes()) for file in folder.iterdir() if file.name.endswith(".json")]
    return {wish.name: wish for wish in sorted(read, key=lambda each: each.name)}
