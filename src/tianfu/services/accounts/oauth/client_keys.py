"""The public keys of programs that sign assertions: registered with us, or fetched from where the program keeps them.

SMART Backend Services: https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from tianfu.kernel.instants import SECOND, Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.fetching import Fetcher
from tianfu.services.accounts.oauth.model.clients import Client, fault_of_keys
from tianfu.services.accounts.oauth.model.errors import refused

FETCHED_SECONDS = 300
"""A fetched set is believed for so long; a key that a program withdrew is refused after that."""

FETCHES_APART_SECONDS = 10
"""A kid that is not in the set, or a set that was not to be had, has it fetched anew at most so often."""

PublicKey = ECKey | RSAKey


@dataclass(slots=True)
class _Fetched:
    """What was found at an address and when; `fault` says why the last try, at `tried_at`, found nothing."""

    keys: Mapping[str, PublicKey]
    at: Instant
    tried_at: Instant
    fault: str = ""


class ClientKeys:
    """Keys of programs, by program and kid."""

    def __init__(self, fetcher: Fetcher, clock: Clock) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._fetched: dict[str, _Fetched] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    async def key(self, client: Client, kid: str) -> PublicKey:
        """A program's key of this name; raises Refusal `oauth-client-unknown`."""
        if client.keys is not None:
            keys = _keys(client.keys.encode())
        elif client.keys_at is not None:
            keys = await self._at(client.keys_at, kid)
        else:
            raise refused("oauth-client-unknown", "no-keys")
        key = keys.get(kid)
        if key is None:
            raise refused("oauth-client-unknown", "kid-unknown")
        return key

    async def _at(self, address: str, kid: str) -> Mapping[str, PublicKey]:
        known = self._fetched.get(address)
        if known is None or self._is_over(known, kid):  # else whoever has a good key waits for nobody else's question
            async with self._asking.setdefault(address, asyncio.Lock()):
                known = self._fetched.get(address)
                if known is None or self._is_over(known, kid):
                    known = self._fetched[address] = self._kept(known, await self._found(address))
        if known.fault and kid not in known.keys:
            raise refused("oauth-client-unknown", known.fault)
        return known.keys

    def _is_over(self, known: _Fetched, kid: str) -> bool:
        if kid in known.keys:
            return self._clock() - known.at >= FETCHED_SECONDS * SECOND
        return self._clock() - known.tried_at >= FETCHES_APART_SECONDS * SECOND

    def _kept(self, known: _Fetched | None, found: _Fetched) -> _Fetched:
        """What is known from now on: keys that are believed yet outlive a question that came to nothing."""
        if known is None or not found.fault or self._clock() - known.at >= FETCHED_SECONDS * SECOND:
            return found
        return replace(found, keys=known.keys, at=known.at)

    async def _found(self, address: str) -> _Fetched:
        """What lies at an address now; nothing is an answer too: who is down is not asked for each assertion."""
        try:
            keys = _keys(await self._fetcher.get(address))
            return _Fetched(keys, self._clock(), self._clock())
        except Refusal as refusal:
            reason = refusal.details.get("reason", "")
            fault = f"keys-{reason}" if refusal.code == "outside-unreachable" else reason
            return _Fetched({}, self._clock(), self._clock(), fault)


def _keys(text: bytes) -> Mapping[str, PublicKey]:
    if (fault := fault_of_keys(text)) is not None:
        raise refused("oauth-client-unknown", fault)
    keys: dict[str, PublicKey] = {}
    for each in orjson.loads(text)["keys"]:
        try:
            keys[each["kid"]] = _key(each)
        except (JoseError, ValueError) as error:
            raise refused("oauth-client-unknown", "keys-form") from error
    return keys


def _key(value: Mapping[str, Any]) -> PublicKey:
    if value["kty"] == "EC":
        return ECKey.import_key(dict(value))
    return RSAKey.import_key(dict(value))
