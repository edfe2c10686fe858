"""Action: let a cart's browser send its camera's picture, for a minute to begin with and then as long as it is on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tianfu.access.caller import Caller
from tianfu.kernel.instants import SECOND, Instant
from tianfu.services.realtime.grants import Grant
from tianfu.services.realtime.protocol.grants import Action, Ticket
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.proofs import thumbprint_of

SHIFT_SECONDS = 12 * 3_600
"""A cart that is begun in one shift is begun anew in the next."""


class Granting(Protocol):
    """The call of `services.realtime.grants.Grants` by which a cart comes in."""

    async def issue(self, caller: Caller, ticket: Ticket) -> Grant:
        """A grant for a caller and his device, good once and for 60 seconds."""
        ...


async def start_cart(granting: Granting, caller: Caller, camera: str, key: Mapping[str, str], *, now: Instant) -> Grant:
    """A grant to send under a camera's name; whoever asks has seen to it that the cart is hers.

    `key` is the device's public key as a JWK.  Raises Refusal `device-key-malformed`, or `camera-bound` for
    another device than the one that sends, while the camera is bound in a visit.  That a picture arrives opens no
    curtain: it is seen by nobody until two people have bound cart, bed and baby.
    """
    ticket = Ticket(
        action=Action.WHIP_CAMERA,
        visit="",
        camera=camera,
        part=Part.BEDSIDE,
        device=thumbprint_of(key),
        slot_until=now + SHIFT_SECONDS * SECOND,
    )
    return await granting.issue(caller, ticket)
