"""What ends a person's sessions ends what programs may for him, in the same transaction."""

from __future__ import annotations

import sys

import pytest

from tests.services.accounts.conftest import PARTY
from tests.services.accounts.oauth.made_up import Town, begin_session
from tianfu.access.organisations import OrganisationTree
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.opening import Accounts, open_accounts
from tianfu.services.accounts.senders import ConsoleSender
from tianfu.services.accounts.store import THE_OPERATOR

pytestmark = pytest.mark.anyio

OFFLINE = "openid user/*.rs offline_access"
ONLINE = "openid user/*.rs online_access"
HALF_AN_HOUR = 30 * 60


def accounts_of(town: Town) -> Accounts:
    sender = ConsoleSender(sys.stderr, is_production=False)
    return open_accounts(
        town.database, town.keyring, town.auditor, sender=sender, issuer="Made up", party=PARTY, clock=town.clock
    )


async def refresh_fault(town: Town, client: str, refresh_token: str) -> str | None:
    try:
        await town.refresh(client, refresh_token)
    except Refusal as refusal:
        return refusal.code
    return None


async def test_signing_out_everywhere_else_ends_what_programs_may_but_for_this_session(town: Town) -> None:
    client = (await town.register()).client
    here = await begin_session(town, town.doctor, "s-here")
    there, kept = await town.tokens(client, scope=OFFLINE), await town.tokens(client, here, scope=OFFLINE)
    await accounts_of(town).signing_in.end_other_sessions(here)
    assert await town.fault(there["access_token"]) == "token-ended"
    assert await refresh_fault(town, client, there["refresh_token"]) == "oauth-grant-refused"
    assert await town.fault(kept["access_token"]) is None


async def test_leaving_ends_what_programs_may_even_if_the_account_came_back(town: Town) -> None:
    client = (await town.register()).client
    given = await town.tokens(client, scope=OFFLINE)
    await accounts_of(town).people.leave(THE_OPERATOR, town.doctor.account.id, OrganisationTree([]))
    assert await town.fault(given["access_token"]) == "token-ended"
    await town.run("update account set left_at = null")
    await town.run("update workplace set until = null")
    assert await refresh_fault(town, client, given["refresh_token"]) == "oauth-grant-refused"


async def test_what_stands_on_a_session_that_lies_idle_is_over_and_comes_back_with_no_refresh(town: Town) -> None:
    client = (await town.register()).client
    online, offline = await town.tokens(client, scope=ONLINE), await town.tokens(client, scope=OFFLINE)
    town.clock.forward(HALF_AN_HOUR - 1)
    online = await town.refresh(client, online["refresh_token"])
    town.clock.forward(2)
    assert await town.fault(online["access_token"]) == "token-ended"
    assert await refresh_fault(town, client, online["refresh_token"]) == "oauth-grant-refused"
    assert await refresh_fault(town, client, offline["refresh_token"]) is None


async def test_a_session_that_is_used_keeps_what_stands_on_it(town: Town) -> None:
    client = (await town.register()).client
    online = await town.tokens(client, scope=ONLINE)
    town.clock.forward(HALF_AN_HOUR - 1)
    await town.run("update session set seen_at = %(now)s", now=town.clock())
    town.clock.forward(HALF_AN_HOUR - 1)
    assert await refresh_fault(town, client, online["refresh_token"]) is None


async def test_other_peoples_programs_go_on(town: Town) -> None:
    client = (await town.register()).client
    theirs = await town.tokens(client, town.resident, scope=OFFLINE)
    await accounts_of(town).signing_in.end_other_sessions(await begin_session(town, town.doctor, "s-here"))
    assert await town.fault(theirs["access_token"]) is None
