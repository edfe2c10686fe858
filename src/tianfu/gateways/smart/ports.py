"""What the pages about programs need of others: who sits at the browser, and whose records he may choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tianfu.services.accounts.model.people import SignedIn
from tianfu.web.asking import HttpRequest


class WhoIsHere(Protocol):
    """Tells who sits at a browser."""

    async def signed_in(self, request: HttpRequest) -> SignedIn | None:
        """The session that the request's cookies stand for, device included; None if there is none that is good."""
        ...

    def entrance(self, onward: str, *, again: bool) -> str:
        """Where somebody signs in and then goes on to `onward`, a path of ours; `again` asks for a fresh proof."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Somebody whose records a program could be given; `patient` is a Patient record."""

    patient: str
    name: str


class PatientChoices(Protocol):
    """Tells whose records somebody may choose."""

    async def of(self, signed_in: SignedIn) -> Sequence[Choice]:
        """The people whom somebody may choose, himself first; nobody for staff, who start from a patient's page."""
        ...

    async def may_see(self, signed_in: SignedIn, patient: str) -> str | None:
        """The name of a patient whom somebody may see now; None if not, or if there is none."""
        ...
