"""What a grant allows, and when it is good: one person, one device, one visit, one act, once, within a minute.

Nothing here reads a clock or a row: who calls says what time it is, and what is known.  Rule: docs/rules/live-rooms.md
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from enum import StrEnum
from hmac import compare_digest

import msgspec

from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.protocol.parts import Part

GRANT_SECONDS = 60
"""How long a grant may lie unused."""

GRANT_LETTERS_MAX = 2_048

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
"""The form of the names of visits, cameras and participants: opaque, and safe in an address and in a log."""

Sign = Callable[[bytes], bytes]
"""The installation's signature of these bytes; keyed, so that nobody else can make one."""


class Action(StrEnum):
    """What a grant is for: one of these and no other."""

    WHIP_CAMERA = "whip-camera"
    """Send a camera's picture, and the ward's sound."""

    WHEP_PICTURE = "whep-picture"
    """See and hear; whoever has this sends nothing."""

    WHEP_VOICE = "whep-voice"
    """See, hear and speak, when the floor is his."""

    WHEP_SOUND = "whep-sound"
    """Hear and speak, and see nothing: whoever has this is offered no picture."""


class Ticket(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What somebody shall be let in for.

    `visit` is the room's name, empty for a camera that serves more than one visit.  `camera` is empty but for
    `WHIP_CAMERA`.  `device` is the thumbprint of the device's public key (RFC 7638), as `thumbprint_of` makes it.
    `slot_until` is the instant (microseconds) when the visit's slot ends: after it the grant is no good, and relay
    credentials end five minutes later.  None of them names a person.
    """

    action: Action
    visit: str
    camera: str
    part: Part
    device: str
    slot_until: int


class Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a grant says; `person` is the id of an account and `role` what he acts as."""

    id: str
    person: str
    role: str
    until: int
    ticket: Ticket


def refuse_senseless(ticket: Ticket) -> None:
    """Raise ValueError for a ticket that no part of ours may ask for: it is a mistake of the program."""
    is_camera = ticket.action is Action.WHIP_CAMERA
    names = [name for name in (ticket.visit, ticket.camera, ticket.device) if name]
    if is_camera != bool(ticket.camera) or (not is_camera and not ticket.visit) or not ticket.device:
        raise ValueError("a camera comes with its camera, a viewer with his visit, both with a device")
    if not all(NAME.match(name) for name in names):
        raise ValueError("names are opaque")


def until_of(issued_at: Instant, slot_until: int) -> Instant:
    """When a grant that is issued now is over: after a minute, or with the slot."""
    return Instant(min(issued_at + GRANT_SECONDS * SECOND, slot_until))


def written(claims: Claims, sign: Sign) -> str:
    """The grant as its bearer shows it."""
    body = msgspec.json.encode(claims)
    return f"{_letters(body)}.{_letters(sign(body))}"


def read(text: str, sign: Sign) -> Claims:
    """What a grant says that we wrote; raises Refusal `grant-refused` for anything else."""
    if len(text) > GRANT_LETTERS_MAX or not text.isascii():
        raise refused("form")
    head, _, tail = text.partition(".")
    try:
        body, signature = _bytes(head), _bytes(tail)
    except ValueError as error:
        raise refused("form") from error
    if not compare_digest(sign(body), signature) or f"{_letters(body)}.{_letters(signature)}" != text:
        raise refused("signature")
    try:
        return msgspec.json.decode(body, type=Claims)
    except msgspec.MsgspecError as error:  # an older form of ours
        raise refused("claims") from error


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody who shows a grant wants: by which door, for which visit and camera, and with which device's key.

    `visit` and `camera` are what the device itself says that it came for, signed by its key.
    """

    actions: tuple[Action, ...]
    visit: str
    camera: str
    device: str
    now: Instant


def refuse_unfit(claims: Claims, asked: Asked) -> None:
    """Raise Refusal for a grant that is not for this.

    Codes: `grant-expired`, `grant-other-action`, `grant-other-visit`, `grant-other-camera`, `grant-other-device`.
    """
    ticket = claims.ticket
    if asked.now >= claims.until:
        raise Refusal("grant-expired", next_step="join-again")
    if ticket.action not in asked.actions:
        raise Refusal("grant-other-action", next_step="join-again")
    if ticket.visit != asked.visit:
        raise Refusal("grant-other-visit", next_step="join-again")
    if ticket.camera != asked.camera:
        raise Refusal("grant-other-camera", next_step="join-again")
    if not compare_digest(ticket.device, asked.device):
        raise Refusal("grant-other-device", next_step="join-again")


def refused(reason: str) -> Refusal:
    """What is shown is no grant of ours; the reason is for the log and the trace."""
    return Refusal("grant-refused", next_step="join-again", details={"reason": reason})


def _letters(value: bytes) -> str:
    return urlsafe_b64encode(value).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
