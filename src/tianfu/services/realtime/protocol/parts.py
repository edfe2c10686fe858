"""What somebody does in a room."""

from __future__ import annotations

from enum import Enum


class Part(Enum):
    """What a participant does in a room."""

    FAMILY = "family"
    BEDSIDE = "bedside"
    NURSE = "nurse"
    INTERPRETER = "interpreter"
    GUEST = "guest"
    EXPERT = "expert"
