"""What is done to programs commits with its event: whatever happens in between leaves both or neither."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from tests.services.accounts.oauth.made_up import SECURITY, Town, key_set, made_up_key
from tianfu.services.accounts.oauth.model.clients import ClientKind

pytestmark = pytest.mark.anyio

IN_BETWEEN = {
    "the event is not taken": "raise exception 'made-up fault'",
    "the connection is killed": "perform pg_terminate_backend(pg_backend_pid())",
}

STATE = "select client, keys, disabled_at is not null from oauth_client order by client"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Something that is done to a program, and what the trace calls it."""

    name: str
    do: Callable[[Town, str], Awaitable[object]]


async def _register(town: Town, client: str) -> object:
    return await town.register(ClientKind.PUBLIC)


async def _disable(town: Town, client: str) -> object:
    return await town.server.clients.disable(SECURITY, client)


async def _replace_keys(town: Town, client: str) -> object:
    return await town.server.clients.replace_keys(SECURITY, client, key_set(made_up_key("k2")))


DEEDS = (
    Deed(name="client-register", do=_register),
    Deed(name="client-disable", do=_disable),
    Deed(name="client-keys", do=_replace_keys),
)


async def breaks(town: Town, table: str, when: str, act: str) -> None:
    """From now on something happens as a row of this table is written."""
    await town.run(f"create function made_up() returns trigger language plpgsql as $$ begin {act}; return new; end $$")
    late = "deferrable initially deferred" if "constraint" in when else ""
    await town.run(f"create {when} on {table} {late} for each row execute function made_up()")


@pytest.mark.parametrize("deed", DEEDS, ids=lambda each: each.name)
async def test_a_deed_is_there_with_its_event(town: Town, deed: Deed) -> None:
    client = await town.register_backend(made_up_key())
    before = await town.run(STATE)
    await deed.do(town, client)
    assert await town.run(STATE) != before
    assert (await town.last_told())[:2] == (deed.name, "success")


@pytest.mark.parametrize("act", IN_BETWEEN.values(), ids=IN_BETWEEN)
@pytest.mark.parametrize("deed", DEEDS, ids=lambda each: each.name)
async def test_what_happens_between_a_deed_and_its_event_leaves_neither(town: Town, deed: Deed, act: str) -> None:
    client = await town.register_backend(made_up_key())
    before, told = await town.run(STATE), await town.trail()
    await breaks(town, "audit", "trigger made_up before insert", act)
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the database says: what it leaves is the point
        await deed.do(town, client)
    assert (await town.run(STATE), await town.trail()) == (before, told)


@pytest.mark.parametrize("act", IN_BETWEEN.values(), ids=IN_BETWEEN)
@pytest.mark.parametrize("deed", DEEDS, ids=lambda each: each.name)
async def test_what_happens_after_both_and_before_the_end_leaves_neither(town: Town, deed: Deed, act: str) -> None:
    client = await town.register_backend(made_up_key())
    before, told = await town.run(STATE), await town.trail()
    await breaks(town, "oauth_client", "constraint trigger made_up after insert or update", act)
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the database says: what it leaves is the point
        await deed.do(town, client)
    assert (await town.run(STATE), await town.trail()) == (before, told)


@pytest.mark.parametrize("act", IN_BETWEEN.values(), ids=IN_BETWEEN)
async def test_a_permission_that_is_given_or_taken_back_is_there_with_its_event_or_not_at_all(
    town: Town, act: str
) -> None:
    client = (await town.register()).client
    await town.tokens(client)
    [allowed] = await town.server.permitted.of(town.doctor)
    families = "select family, ended_at is null from oauth_family order by family"
    before, told = await town.run(families), await town.trail()
    await breaks(town, "audit", "trigger made_up before insert", act)
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the database says: what it leaves is the point
        await town.code(client)
    with pytest.raises(Exception):  # noqa: B017, PT011 - as above
        await town.server.permitted.end(town.doctor, allowed.allowed.family)
    assert (await town.run(families), await town.trail()) == (before, told)
