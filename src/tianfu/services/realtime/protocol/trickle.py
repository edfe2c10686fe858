"""What a peer tells of its addresses after its offer: a fragment of SDP (RFC 8840, section 9; RFC 9725, section 4.3).

All streams of a connection share one transport, so that it does not matter in which line of media an address stands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tianfu.kernel.refusal import Refusal

CANDIDATES_MAX = 40
"""So many addresses one description may name: each is sent to, and thousands stop the loop for seconds."""

FRAGMENT_LINES_MAX = 200

_ICE_CHARS = re.compile(r"[A-Za-z0-9+/]{4,256}\Z")
"""RFC 8839, section 5.4."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trickle:
    """Addresses of a peer, under the credentials to which they belong; other ones than before begin ICE anew."""

    ufrag: str
    pwd: str
    candidates: tuple[str, ...]
    is_last: bool


def read_fragment(text: str) -> Trickle:
    """The fragment that a peer sent; raises Refusal `fragment-malformed`."""
    rows = text.splitlines()
    if len(rows) > FRAGMENT_LINES_MAX:
        raise malformed()
    ufrags, pwds = _all(rows, "a=ice-ufrag:"), _all(rows, "a=ice-pwd:")
    candidates = tuple(_all(rows, "a=candidate:"))
    if len(set(ufrags)) != 1 or len(set(pwds)) != 1 or len(candidates) > CANDIDATES_MAX:
        raise malformed()
    if not _ICE_CHARS.match(ufrags[0]) or not _ICE_CHARS.match(pwds[0]):
        raise malformed()
    return Trickle(ufrag=ufrags[0], pwd=pwds[0], candidates=candidates, is_last="a=end-of-candidates" in rows)


def write_fragment(news: Trickle, mid: str) -> str:
    """The same as it is sent, under the first line of media of its bundle."""
    rows = [f"a=ice-ufrag:{news.ufrag}", f"a=ice-pwd:{news.pwd}", "m=video 9 UDP/TLS/RTP/SAVPF 0", f"a=mid:{mid}"]
    rows += [f"a=candidate:{each}" for each in news.candidates]
    if news.is_last:
        rows.append("a=end-of-candidates")
    return "\r\n".join([*rows, ""])


def malformed() -> Refusal:
    """What was sent is no such fragment."""
    return Refusal("fragment-malformed")


def _all(rows: list[str], begins: str) -> list[str]:
    return [row[len(begins) :].strip() for row in rows if row.startswith(begins)]
