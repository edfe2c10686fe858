"""Where a camera is and how one comes in; never in a command, a log or a `repr`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

import msgspec

from tianfu.kernel.refusal import Refusal

ADDRESS_BYTES_MAX = 1_000
CONNECT_MICROSECONDS = 5_000_000
"""A camera that says nothing for so long is away."""

_PRINTED = re.compile(r"[!-~]+\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A camera's address without its login, and the login apart; neither shows in a log by mistake."""

    address: str = field(repr=False)
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def sealable(self) -> bytes:
        """As it is sealed."""
        return msgspec.msgpack.encode([self.address, self.user, self.password])

    @staticmethod
    def of(plain: bytes) -> Source:
        """As it was sealed."""
        address, user, password = msgspec.msgpack.decode(plain, type=tuple[str, str, str])
        return Source(address=address, user=user, password=password)

    def playlist(self) -> bytes:
        """What ffmpeg reads from its standard input instead of an address on its command line.

        ffconcat: https://ffmpeg.org/ffmpeg-formats.html#concat-1
        """
        scheme, _, rest = self.address.partition("://")
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@" if self.user else ""
        lines = (
            "ffconcat version 1.0",
            f"file '{scheme}://{login}{rest}'",
            "option rtsp_transport tcp",
            f"option timeout {CONNECT_MICROSECONDS}",
            "option analyzeduration 500000",
            "option fflags nobuffer",
        )
        return "".join(f"{line}\n" for line in lines).encode()


def read_source(address: str, user: str, password: str) -> Source:
    """A source as somebody wrote it; raises Refusal `camera-address-malformed`.

    Only RTSP, and the login never in the address, where it would be shown again.
    """
    text = address.strip()
    if len(text) > ADDRESS_BYTES_MAX or not _PRINTED.match(text) or "'" in text or "\\" in text:
        raise _malformed()
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise _malformed() from None
    if parts.scheme not in {"rtsp", "rtsps"} or not host or "@" in parts.netloc:
        raise _malformed()
    if len(user) + len(password) > ADDRESS_BYTES_MAX or (password and not user):
        raise _malformed()
    return Source(address=text, user=user, password=password)


def _malformed() -> Refusal:
    return Refusal("camera-address-malformed")
