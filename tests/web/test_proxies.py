"""Whose address counts behind a reverse proxy: the proxy's word about the client, and nobody else's."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from tianfu.web.proxies import HOPS_MAX, BehindProxies, client_of

pytestmark = pytest.mark.anyio

TRUSTED = tuple(ip_network(text) for text in ("127.0.0.1", "10.0.0.0/8", "fd00::/8"))


async def seen(client: str | None, *headers: tuple[str, str], trusted: Any = TRUSTED, kind: str = "http") -> Any:
    """What the application behind the proxies is told of a request."""
    found: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        found.append(scope)

    scope = {
        "type": kind,
        "scheme": "http",
        "client": (client, 40_000) if client is not None else None,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
    }
    await BehindProxies(application, trusted)(scope, None, None)  # type: ignore[arg-type]  # nobody speaks here
    return found[0]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),  # the first one is the stranger's own word
        ("127.0.0.1", "127.0.0.1, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9, 10.1.2.3", "203.0.113.9"),  # two of our own proxies
        ("127.0.0.1", "198.51.100.1, 203.0.113.9, 10.1.2.3, fd00::1", "203.0.113.9"),
        ("127.0.0.1", "10.1.2.3", "10.1.2.3"),  # a proxy that asks for itself
        ("127.0.0.1", " 203.0.113.9 ", "203.0.113.9"),
        ("127.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
        ("::ffff:127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "2001:DB8:0::7", "2001:db8::7"),  # one client, one way to write it
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "unknown", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9, unknown", "127.0.0.1"),  # what stands before nonsense is not believed
        ("127.0.0.1", "203.0.113.9, unknown, 10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "203.0.113.9:443", "127.0.0.1"),
        ("127.0.0.1", "fe80::1%made-up", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9\xa0", "127.0.0.1"),
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),  # no proxy of ours
        ("127.0.0.2", "203.0.113.9", "127.0.0.2"),
        ("", "203.0.113.9", ""),
    ],
)
async def test_the_last_address_that_is_no_proxys_is_the_client(peer: str, forwarded: str, client: str) -> None:
    assert client_of(await seen(peer, ("x-forwarded-for", forwarded))) == client


async def test_several_headers_are_one_list_in_their_order() -> None:
    told = await seen("127.0.0.1", ("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "203.0.113.9"))
    assert client_of(told) == "203.0.113.9"


async def test_a_list_without_end_is_read_no_further_than_a_chain_of_proxies_is_long() -> None:
    told = await seen("127.0.0.1", ("x-forwarded-for", "203.0.113.9" + ", 10.1.2.3" * HOPS_MAX))
    assert client_of(told) == "10.1.2.3"


@pytest.mark.parametrize("name", ["forwarded", "x-real-ip", "x-client-ip", "true-client-ip", "x_forwarded_for"])
async def test_other_headers_say_nothing(name: str) -> None:
    assert client_of(await seen("127.0.0.1", (name, "203.0.113.9"), (name, "for=203.0.113.9"))) == "127.0.0.1"


@pytest.mark.parametrize(
    ("peer", "said", "scheme"),
    [
        ("127.0.0.1", ["https"], "https"),
        ("127.0.0.1", ["http"], "http"),
        ("127.0.0.1", ["HTTPS"], "http"),
        ("127.0.0.1", ["https", "https"], "http"),
        ("127.0.0.1", ["https, http"], "http"),
        ("127.0.0.1", ["javascript"], "http"),
        ("192.0.2.1", ["https"], "http"),
    ],
)
async def test_a_proxy_says_what_the_client_spoke_to_it(peer: str, said: list[str], scheme: str) -> None:
    assert (await seen(peer, *(("x-forwarded-proto", each) for each in said)))["scheme"] == scheme


async def test_nobody_is_believed_where_no_proxy_is_trusted() -> None:
    told = await seen("127.0.0.1", ("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "https"), trusted=())
    assert (client_of(told), told["scheme"]) == ("127.0.0.1", "http")


async def test_a_socket_without_addresses_and_the_servers_own_messages_pass_unchanged() -> None:
    assert client_of(await seen(None, ("x-forwarded-for", "203.0.113.9"))) == ""
    assert client_of(await seen("127.0.0.1", ("x-forwarded-for", "203.0.113.9"), kind="lifespan")) == "127.0.0.1"
