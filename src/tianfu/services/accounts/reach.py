"""Which network addresses this installation may speak to when an address comes from a registration or a document.

Whoever may name an address could else have us ask servers of our own network for him (server-side request forgery).
Special addresses: RFC 6890, RFC 4291 (2.5.5.2), RFC 3056, RFC 6052.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_TRANSLATED = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What may be reached: all of the internet, and inside our own networks `inside` alone.

    `is_anywhere` is for development, where programs and providers run on this machine.
    """

    is_anywhere: bool
    inside: tuple[Network, ...] = ()

    def allows(self, address: Address) -> bool:
        """Whether an address may be spoken to; one that stands for another is judged as that one."""
        real = meant(address)
        if self.is_anywhere or any(real.version == each.version and real in each for each in self.inside):
            return True
        return real.is_global and not real.is_multicast


def meant(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, or the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


OUTSIDE_ONLY = Reach(is_anywhere=False)
"""The internet and nothing of ours."""

ANYWHERE = Reach(is_anywhere=True)
"""Development."""
