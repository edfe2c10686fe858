"""Credentials for the relay, good for one visit and no longer (the REST form of coturn's `use-auth-secret`).

The user name says until when, the password is its HMAC: the relay keeps no list, and we tell it nothing.
"""

from __future__ import annotations

import hmac
import os
import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal

GRACE_SECONDS = 5 * 60
"""How long after the end of a slot its credentials are good: a visit that ends late is not cut off by the relay."""

SECRET_LETTERS_MIN = 16

_ADDRESS = re.compile(r"turns?:([A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?(\?transport=(udp|tcp))?\Z")
"""RFC 7065, section 3.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IceServer:
    """A relay as a browser's `RTCPeerConnection` takes it."""

    urls: tuple[str, ...]
    username: str
    credential: str


@dataclass(frozen=True, slots=True)
class Relay:
    """The relays of an installation, and the secret that they share with us."""

    addresses: Sequence[str]
    secret: bytes

    def for_room(self, room: str, slot_until: Instant) -> Sequence[IceServer]:
        """What somebody may use for a room until five minutes after its slot; nothing where there is no relay.

        `room` is a visit, or a camera: opaque, because the relay writes it into its log.
        """
        if not self.addresses:
            return ()
        username = f"{slot_until // SECOND + GRACE_SECONDS}:{room}"
        credential = b64encode(hmac.digest(self.secret, username.encode(), "sha1")).decode()
        return (IceServer(urls=tuple(self.addresses), username=username, credential=credential),)


def open_relay(addresses: str, secret_file: Path) -> Relay:
    """The relays that a setting names, divided by spaces; none if it is empty.

    Raises Refusal `setting-invalid`, `secret-missing` or `secret-open-to-others`.
    """
    named = addresses.split()
    if not named:
        return Relay((), b"")
    if any(_ADDRESS.match(each) is None for each in named):
        details = {"setting": "TIANFU_TURN_ADDRESSES", "expected": "turn: or turns: addresses"}
        raise Refusal("setting-invalid", next_step="correct-the-setting", details=details)
    return Relay(tuple(named), _secret(secret_file))


def _secret(file: Path) -> bytes:
    """The secret in a file that its owner alone can read."""
    details = {"file": str(file)}
    try:
        with file.open("rb") as opened:
            if os.fstat(opened.fileno()).st_mode & 0o077:
                raise Refusal("secret-open-to-others", next_step="close-the-file", details=details)
            secret = opened.read().strip()
    except OSError as error:
        raise Refusal("secret-missing", next_step="put-it-in-place", details=details) from error
    if len(secret) < SECRET_LETTERS_MIN:
        raise Refusal("secret-missing", next_step="put-it-in-place", details=details)
    return secret
