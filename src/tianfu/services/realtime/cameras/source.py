"""Where a camera is and how one comes in; never in a command, a log or a `repr`."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from socket import inet_aton
from urllib.parse import quote, unquote_to_bytes, urlsplit

import msgspec

from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.reach import meant

ADDRESS_BYTES_MAX = 1_000
CONNECT_MICROSECONDS = 5_000_000
"""A camera that says nothing for so long is away."""

STANDARD_PORTS = frozenset({None, 554, 322})
"""Where a camera is that names no port, with TLS or without (RFC 7826): one and the same camera."""

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

    def place(self) -> bytes:
        """Where it leads, one text for all ways to write it: host, port, path and query; never the login.

        Two names of one host, and two paths to one lens, are not told to be one.
        """
        parts = urlsplit(self.address)
        port = 0 if parts.port in STANDARD_PORTS else parts.port
        query = sorted(unquote_to_bytes(each) for each in parts.query.split("&") if each)
        return msgspec.msgpack.encode([_host(parts.hostname or ""), port, _path(parts.path), query])

    @staticmethod
    def of(plain: bytes) -> Source:
        """As it was sealed."""
        address, user, password = msgspec.msgpack.decode(plain, type=tuple[str, str, str])
        return Source(address=address, user=user, password=password)

    def playlist(self, *, hears: bool) -> bytes:
        """What ffmpeg reads from its standard input instead of an address on its command line.

        Unless it `hears`, nothing but pictures is asked of the camera.  ffconcat: https://ffmpeg.org/ffmpeg-formats.html#concat-1
        """
        scheme, _, rest = self.address.partition("://")
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@" if self.user else ""
        lines = (
            "ffconcat version 1.0",
            f"file '{scheme}://{login}{rest}'",
            "option rtsp_transport tcp",
            f"option allowed_media_types {'video+audio' if hears else 'video'}",
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


def _host(name: str) -> str:
    """A host as one text: names without case, numbers as one number whatever base or family they are written in."""
    host = name.lower().rstrip(".")
    with suppress(OSError):
        return str(ip_address(inet_aton(host)))  # "127.1" and "0x7f000001" too, as programs that connect read them
    try:
        number = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    return str(meant(number))


def _path(path: str) -> list[bytes]:
    """The steps of a path, without those that lead nowhere (RFC 3986, section 5.2.4)."""
    steps: list[bytes] = []
    for step in unquote_to_bytes(path).split(b"/"):
        if step == b"..":
            del steps[-1:]
        elif step not in {b"", b"."}:
            steps.append(step)
    return steps


def _malformed() -> Refusal:
    return Refusal("camera-address-malformed")
