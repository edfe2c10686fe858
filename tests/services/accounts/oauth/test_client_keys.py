"""What a program's keys are believed for, whoever asks with a key's name that is none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

import pytest
from joserfc.jwk import ECKey

from tianfu.kernel.instants import SECOND, Instant
from tianfu.services.accounts.fetching import unreachable
from tianfu.services.accounts.oauth.client_keys import FETCHES_APART_SECONDS, ClientKeys
from tianfu.services.accounts.oauth.model.clients import Client, ClientKind

pytestmark = pytest.mark.anyio

KEY = ECKey.generate_key("P-384", {"kid": "good"})
CLIENT = Client(
    id="c", kind=ClientKind.BACKEND, name="", redirects=(), scopes=(), keys=None, keys_at="https://made-up.example/keys",
    launch_at=None, organisation=None, role=None, secret_digest=None, is_disabled=False,
)  # fmt: skip


class Server:
    def __init__(self) -> None:
        self.is_down = False
        self.answers = asyncio.Event()
        self.answers.set()

    async def get(self, address: str) -> bytes:
        await self.answers.wait()
        if self.is_down:
            raise unreachable("TimeoutError")
        return json.dumps({"keys": [KEY.as_dict(private=False)]}).encode()

    async def post(self, address: str, form: Mapping[str, str], *, authorization: str | None) -> bytes:
        raise NotImplementedError


async def test_a_stranger_s_unknown_kid_takes_nobody_s_good_keys_away_and_makes_nobody_wait() -> None:
    now, server = [1_800_000_000 * SECOND], Server()
    keys = ClientKeys(server, lambda: Instant(now[0]))
    assert await keys.key(CLIENT, "good")
    now[0] += FETCHES_APART_SECONDS * SECOND
    server.is_down = True
    server.answers.clear()
    stranger = asyncio.create_task(keys.key(CLIENT, "made-up"))
    await asyncio.sleep(0)
    await asyncio.wait_for(keys.key(CLIENT, "good"), 1)  # while the stranger's question is under way
    server.answers.set()
    with pytest.raises(Exception, match="oauth-client-unknown"):
        await stranger
    assert await keys.key(CLIENT, "good")  # and after it came to nothing
