"""What an encoder shows that can sign nothing: a credential for one camera, which is changed from time to time.

RFC 9725, section 4.7: a bearer token.  Rule: docs/rules/live-rooms.md
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from hashlib import sha256

BEGINNING = "tianfu-whip-"
"""By which one is told from a grant, in a request and wherever it is found lying about."""

GOOD_DAYS = 90
OVERLAP_HOURS = 24
"""How long the one before is good beside a new one that nobody has used yet."""

_FORM = re.compile(rf"{BEGINNING}[A-Za-z0-9_-]{{43}}\Z")


def is_credential(text: str) -> bool:
    """Whether a text has the form of one."""
    return _FORM.match(text) is not None


def device_of(digest: bytes) -> str:
    """What stands for its device, because it has no key of its own: the credential, of which this is a digest.

    So a bed that was bound with one credential is shown by no other one.
    """
    return urlsafe_b64encode(sha256(b"plain camera " + digest).digest()).decode().rstrip("=")


def caller_of(camera: str) -> str:
    """As whom the trace knows it."""
    return f"camera-{camera}"
