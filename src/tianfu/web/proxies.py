"""From where a request comes when a reverse proxy hands it on: the proxy's word, and nobody else's.

A proxy adds the address of whoever it hears to the end of X-Forwarded-For
(https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/X-Forwarded-For); whatever stood there before was
written by a stranger.  So the list is read from its end, and the first address that is no trusted proxy's is the
client.  The headers of anybody who is no trusted proxy are passed over.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, MutableMapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

Network = IPv4Network | IPv6Network
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

FORWARDED_FOR = b"x-forwarded-for"
FORWARDED_PROTO = b"x-forwarded-proto"

HOPS_MAX = 16
"""So many addresses are read from the end of X-Forwarded-For; no chain of one's own proxies is longer."""

_REMEMBERED = 4_096


class BehindProxies:
    """Tells an application the client's own address and scheme when a trusted proxy hands a request on.

    `trusted` are addresses of proxies, as networks.  The application finds the client in `scope["client"]`, with port
    0, as if it had come without a proxy; and in `scope["scheme"]` what it spoke to the proxy.
    """

    def __init__(self, application: Application, trusted: Collection[Network]) -> None:
        self._application = application
        self._trusted = tuple(trusted)
        self._client_behind = lru_cache(maxsize=_REMEMBERED)(self._client_named)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on as its client sent it."""
        client = scope.get("client") if scope["type"] == "http" else None
        if client and self._trusts(client[0]):
            scope = self._as_sent(scope, client[0])
        await self._application(scope, receive, send)

    def _as_sent(self, scope: Scope, proxy: str) -> Scope:
        """The request without the proxy between; what the proxy does not say stays as it is."""
        headers = scope["headers"]
        named = b",".join(_values(headers, FORWARDED_FOR))
        told = {**scope, "client": (self._client_behind(proxy, named), 0)} if named else {**scope}
        schemes = list(_values(headers, FORWARDED_PROTO))
        if schemes in ([b"http"], [b"https"]):  # a list of several would not say which proxy's word it is
            told["scheme"] = schemes[0].decode()
        return told

    def _client_named(self, proxy: str, forwarded_for: bytes) -> str:
        """The last address of the list that is no trusted proxy's; what is no address ends the search before it."""
        client = proxy
        for name in reversed(forwarded_for.decode("latin-1").split(",")[-HOPS_MAX:]):
            address = _address(name.strip(" \t"))
            if address is None:
                break
            client = str(address)
            if not self._trusts(client):
                break
        return client

    def _trusts(self, host: str) -> bool:
        return is_within(host, self._trusted)


def client_of(scope: Mapping[str, Any]) -> str:
    """The address that a request came from, as `BehindProxies` left it; empty on a socket without addresses."""
    client = scope.get("client")
    return client[0] if client else ""


@lru_cache(maxsize=_REMEMBERED)
def is_within(host: str, networks: tuple[Network, ...]) -> bool:
    """Whether an address lies in one of these networks; an IPv4 address written as IPv6 counts as IPv4."""
    address = _address(host)
    return address is not None and any(address in network for network in networks)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return None  # good on one machine's own link only, and whatever follows the % would be kept
    return address if isinstance(address, IPv4Address) else address.ipv4_mapped or address


def _values(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> Iterable[bytes]:
    return (value for name, value in headers if name == wanted)
