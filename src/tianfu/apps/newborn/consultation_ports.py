"""What remote consultations stand on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tianfu.apps.newborn.visit_ports import Windows


class Staff(Protocol):
    """The call of the accounts' store that tells who can sign in."""

    async def works_as(self, practitioner: str, role: str) -> bool:
        """Whether somebody who can sign in works in this role now and is this Practitioner."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Consulting:
    """The windows by which experts look, and the accounts by which they sign in."""

    windows: Windows
    staff: Staff
