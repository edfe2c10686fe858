"""What is changed at cameras, told to the trail within the same transaction: never an address, a user or a password."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from tianfu.access.caller import Caller
from tianfu.access.decision import Grant
from tianfu.access.purpose import Purpose
from tianfu.access.rules import purposes_of
from tianfu.db import Transaction
from tianfu.kernel.instants import Clock
from tianfu.records.audit import Auditor
from tianfu.records.audit_event import event
from tianfu.records.write import leave_trace

RULE: Final = "cameras"
"""What the trail names as the rule: docs/how-to/register-a-camera.md"""

REGISTER, LOGIN, RETIRE, RETURN, HANG, CREDENTIAL, TAKE_BACK = (
    "register-camera",
    "change-camera-login",
    "retire-camera",
    "return-camera",
    "hang-camera",
    "give-camera-credential",
    "take-camera-credential",
)
"""What is done, as the trail calls it: a new one, another address or login, used no more, used again, another bed, a
new credential for its encoder, none any more."""


class CameraTrail:
    """Leaves an event of each change of a camera."""

    def __init__(self, auditor: Auditor, clock: Clock) -> None:
        self._auditor = auditor
        self._clock = clock

    async def tell(self, transaction: Transaction, by: Caller, deed: str, **facts: str) -> None:
        """The event is there if the change is, and comes to nothing with it."""
        purpose = next(iter(purposes_of(by.role)), Purpose.OPERATIONS)
        said = event(
            Grant(caller=by, purpose=purpose, rule=RULE, types=()),
            at=self._clock(),
            interaction=deed,
            type_number=None,
            query=urlencode(facts),
        )
        await leave_trace(transaction, [said], self._auditor.writer)
