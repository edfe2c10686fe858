"""Who may come to this door, by which name it is called, and how much of what a request counts as."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache

from tianfu.access.caller import NOBODY
from tianfu.access.purpose import Purpose
from tianfu.gateways.fhir.addresses import Interaction
from tianfu.gateways.fhir.exchange import Scope
from tianfu.kernel.refusal import Refusal
from tianfu.services.limits.limiter import Limiter
from tianfu.services.limits.limits import LimitClass
from tianfu.web.callers import Admitted, Callers
from tianfu.web.protection import LOOPBACK_HOSTS, host_name
from tianfu.web.proxies import client_of

OPEN_PATHS = frozenset({"/fhir/metadata", "/fhir/metadata/"})
"""What is answered to everybody: what this server can do."""

LIMIT_OF: dict[Interaction, LimitClass] = {
    "capabilities": "describe",
    "submit": "bundle",
    "history": "history",
    "search": "search",
    "search-form": "search",
    "create": "write",
    "update": "write",
    "update-where": "write",
    "delete": "write",
    "delete-where": "write",
    "read": "read",
    "vread": "read",
    "everything": "gather",
    "trail-search": "search",
    "trail-search-form": "search",
    "trail-read": "read",
}

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES = frozenset({b"none", b"same-origin"})
"""What a browser says (https://www.w3.org/TR/fetch-metadata/) when no other site's page sent the request."""

_PORT = re.compile(r":[0-9]{1,5}\Z")
_TELLS_WHO = re.compile(r"(?:^|[.:])(?:identifier(?:-tail)?|telecom|phone|email|address)(?:[:.]|$)|(?:^|[.:])address-")
"""Names of search parameters by which somebody could guess a number or an address until it is found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doorkeeper:
    """Lets in, and holds to limits; `hosts` are the names of this installation without port."""

    callers: Callers
    limiter: Limiter
    hosts: Collection[str] = LOOPBACK_HOSTS
    is_production: bool

    def refuse_strangers(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        """Raise Refusal for a request by another name or from another site's page."""
        host = headers.get(b"host", b"").decode("latin-1")
        if not _is_called(host, frozenset(self.hosts)):
            raise Refusal("host-not-ours", next_step="ask-on-this-machine")
        if scope["method"] not in _SAFE and _is_from_elsewhere(headers, host):
            raise Refusal("sent-by-another-site", next_step="ask-on-this-machine")

    async def admit(self, scope: Scope, headers: dict[bytes, bytes]) -> Admitted:
        """Who asks, and why; what is open to all is open to nobody in particular."""
        authorization, purpose = headers.get(b"authorization", b""), headers.get(b"purpose-of-use", b"")
        address = client_of(scope)
        if not authorization and scope["path"] in OPEN_PATHS:
            return Admitted(caller=NOBODY, purpose=Purpose.OPERATIONS, bucket=f"address:{address}")
        return await self.callers.machine(authorization, purpose, client=address)

    async def count(self, admitted: Admitted, limit_class: LimitClass, *, count: int = 1) -> None:
        """Count requests of a class; raises Refusal `too-many-requests`."""
        await self.limiter.take(admitted.bucket, admitted.caller.role, limit_class, count=count)


@lru_cache(maxsize=1_024)
def _is_called(host: str, names: frozenset[str]) -> bool:
    name = host_name(host)
    port = host[len(name) :]
    return name in names and (not port or _PORT.match(port) is not None)


def _is_from_elsewhere(headers: dict[bytes, bytes], host: str) -> bool:
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        return site not in _OWN_SITES
    origin = headers.get(b"origin")
    return origin is not None and origin.decode("latin-1").partition("://")[2] != host


def tells_who(names: Iterable[str]) -> bool:
    """Whether search parameters of these names (modifiers and chains included) could be used to guess who is who."""
    return any(_TELLS_WHO.search(name) is not None for name in names)
