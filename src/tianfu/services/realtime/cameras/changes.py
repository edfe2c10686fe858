"""What is changed at cameras, told to the trail within the same transaction: never an address, a user or a password."""

from __future__ import annotations

from typing import Final

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
