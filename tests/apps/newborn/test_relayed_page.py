"""The live page in a network from which nothing but the relay is reached, through coturn as we configure it."""

from __future__ import annotations

import shutil

import pytest

from tests.apps.newborn.test_live_page import sees
from tests.apps.newborn.window import MOTHER, SEEN, WATCH, window_of
from tests.services.realtime.turn_running import SECRET, relay
from tianfu.db import Addresses, Database
from tianfu.services.realtime.turn import Relay

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(shutil.which("turnserver") is None, reason="coturn is not installed here"),
]

ONLY_RELAYED = """(() => {
  const Direct = RTCPeerConnection;
  window.peers = [];
  window.RTCPeerConnection = class extends Direct {
    constructor(configuration) { super({...configuration, iceTransportPolicy: 'relay'}); peers.push(this); }
  };
})()"""
"""A network without a direct way: this browser uses no address but the relay's."""

PAIR = """(async () => {
  const stats = await peers.at(-1).getStats(), kinds = [];
  for (const each of stats.values())
    if (each.type === 'candidate-pair' && each.nominated) kinds.push(stats.get(each.localCandidateId).candidateType);
  return kinds;
})()"""


async def test_who_has_no_direct_way_sees_through_the_relay(database: Database, addresses: Addresses) -> None:
    async with relay() as running:
        turn = Relay((f"turn:127.0.0.1:{running.port}?transport=udp",), SECRET.encode())
        async with window_of(database, addresses, turn) as window:
            context = await window.resident(MOTHER, "mother-7")
            await context.add_init_script(ONLY_RELAYED)
            page = await context.new_page()
            await page.goto(f"{window.address}{WATCH}")
            await page.evaluate(SEEN)
            await window.open()
            await page.get_by_role("button", name="See the baby").click()
            await sees(page)
            assert await page.evaluate(PAIR) == ["relay"]
