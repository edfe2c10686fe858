"""The page on which a person lets a program in: what it shows, what it does, and how it resists."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import httpx
import pytest

from tests.gateways.smart.conftest import HERE, Installation
from tests.services.accounts.oauth.made_up import ISSUER, REDIRECT, asked, begin_session, resident, value_in
from tianfu.gateways import smart
from tianfu.services.accounts.oauth.model.clients import ClientKind

pytestmark = pytest.mark.anyio

FOLDER = Path(str(smart.__file__)).parent


def sealed_in(page: httpx.Response) -> str:
    found = re.search(r'name="request" value="([^"]+)"', page.text)
    assert found, page.text
    return unescape(found[1])


async def shown(here: Installation, client: str, **changes: str | None) -> httpx.Response:
    return await here.client.get("/oauth/authorize", params=asked(client, **changes))


async def answered(here: Installation, page: httpx.Response, **fields: str) -> httpx.Response:
    return await here.client.post("/oauth/authorize/answer", data={"request": sealed_in(page), **fields}, headers=HERE)


async def test_a_person_allows_a_program_and_it_reads_who_he_is(here: Installation) -> None:
    client = (await here.town.register()).client
    here.sits_here(here.town.doctor)
    page = await shown(here, client)
    assert page.status_code == 200, page.text
    assert "Made-up app" in page.text
    answer = await answered(here, page, decision="permit")
    assert answer.status_code == 303
    place = answer.headers["location"]
    assert place.startswith(f"{REDIRECT}?code=")
    assert (value_in(place, "state"), value_in(place, "iss")) == ("made-up-state-1", ISSUER)
    form = dict(here.town.exchange(client, value_in(place, "code")))
    given = (await here.client.post("/oauth/token", data=form)).json()
    user = await here.client.get("/oauth/userinfo", headers={"authorization": f"Bearer {given['access_token']}"})
    assert user.json()["sub"] == "made-up-doctor"


async def test_a_person_refuses_and_the_program_is_told_so(here: Installation) -> None:
    client = (await here.town.register()).client
    here.sits_here(here.town.doctor)
    answer = await answered(here, await shown(here, client), decision="deny")
    assert value_in(answer.headers["location"], "error") == "access_denied"
    assert await here.town.run("select 1 from oauth_code") == []


async def test_two_answers_weigh_alike_and_none_is_chosen_beforehand(here: Installation) -> None:
    client = (await here.town.register()).client
    here.sits_here(here.town.doctor)
    text = (await shown(here, client)).text
    buttons = re.findall(r'<button class="([^"]+)" name="decision" value="(\w+)"', text)
    assert buttons == [("btn line", "permit"), ("btn line", "deny")]
    assert "checked" not in text
    page = await shown(here, client)
    assert (await answered(here, page)).status_code == 422


async def test_the_page_can_be_put_into_no_frame_and_its_form_leads_to_the_program_alone(here: Installation) -> None:
    client = (await here.town.register()).client
    here.sits_here(here.town.doctor)
    policy = (await shown(here, client)).headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' https://app.example;" in policy


async def test_clickjacking_and_forms_of_other_sites_get_nowhere(here: Installation) -> None:
    client = (await here.town.register()).client
    here.sits_here(here.town.doctor)
    page = await shown(here, client)
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {}):
        sent = {"request": sealed_in(page), "decision": "permit"}
        answer = await here.client.post("/oauth/authorize/answer", data=sent, headers=headers)
        assert answer.status_code == 403
    assert await here.town.run("select 1 from oauth_code") == []


async def test_a_page_made_for_another_session_is_not_answered(here: Installation) -> None:
    client = (await here.town.register()).client
    here.sits_here(here.town.doctor)
    page = await shown(here, client)
    here.sits_here(await begin_session(here.town, here.town.doctor, "s-another"))
    answer = await answered(here, page, decision="permit")
    assert answer.status_code == 422
    assert "location" not in answer.headers
    here.sits_here(None)
    assert (await answered(here, page, decision="permit")).status_code == 422


async def test_a_made_up_or_changed_form_is_refused(here: Installation) -> None:
    here.sits_here(here.town.doctor)
    for request in ("", "AAAA", "x" * 200):
        sent = {"request": request, "decision": "permit"}
        answer = await here.client.post("/oauth/authorize/answer", data=sent, headers=HERE)
        assert answer.status_code == 404
        assert "location" not in answer.headers


async def test_whoever_is_not_signed_in_is_sent_to_the_entrance_and_comes_back(here: Installation) -> None:
    client = (await here.town.register()).client
    answer = await shown(here, client)
    assert answer.status_code == 303
    onward = value_in(answer.headers["location"], "next")
    assert onward.startswith("/oauth/authorize/continued?")
    here.sits_here(here.town.doctor)
    assert (await here.client.get(onward)).status_code == 200


async def test_whoever_signed_in_for_nothing_goes_back_by_a_page_that_is_no_part_of_a_form_s_way(
    here: Installation,
) -> None:
    client = (await here.town.register()).client
    scope = "launch/patient patient/*.rs"
    onward = value_in((await shown(here, client, scope=scope)).headers["location"], "next")
    here.sits_here(here.town.doctor)
    page = await here.client.get(onward)
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
    assert "form-action 'self';" in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "no-referrer"
    wait, _, address = page.headers["refresh"].partition("; url=")
    assert (wait, value_in(address, "error")) == ("0", "access_denied")
    assert address.startswith(f"{REDIRECT}?")
    assert address in [unescape(each) for each in re.findall(r'href="([^"]+)"', page.text)]


async def test_nobody_goes_on_with_a_request_that_we_did_not_seal(here: Installation) -> None:
    here.sits_here(here.town.doctor)
    client = (await here.town.register()).client
    approval = sealed_in(await shown(here, client))
    for request in ("", "AAAA", approval):
        answer = await here.client.get("/oauth/authorize/continued", params={"request": request})
        assert answer.status_code == 404
        assert {"location", "refresh"} & set(answer.headers) == set()


async def test_a_request_that_waits_is_refused_after_eight_hours(here: Installation) -> None:
    client = (await here.town.register()).client
    onward = value_in((await shown(here, client)).headers["location"], "next")
    here.town.clock.forward(8 * 3_600 + 1)
    assert (await here.client.get(onward)).status_code == 410


@pytest.mark.parametrize(("is_here", "error"), [(False, "login_required"), (True, "consent_required")])
async def test_a_program_that_wants_no_page_shown_is_told_why_it_gets_nothing(
    here: Installation, is_here: bool, error: str
) -> None:
    client = (await here.town.register()).client
    here.sits_here(here.town.doctor if is_here else None)
    answer = await shown(here, client, prompt="none")
    assert value_in(answer.headers["location"], "error") == error


@pytest.mark.parametrize("asks", [{"prompt": "login"}, {"max_age": "0"}, {"prompt": "login consent"}])
async def test_a_program_that_wants_a_fresh_proof_gets_one_that_was_given_for_it(
    here: Installation, asks: dict[str, str]
) -> None:
    client = (await here.town.register()).client
    here.sits_here(here.town.doctor)
    here.town.clock.forward(1)
    away = await shown(here, client, **asks)
    assert value_in(away.headers["location"], "again") == "1"
    onward = value_in(away.headers["location"], "next")
    assert value_in((await here.client.get(onward)).headers["location"], "again") == "1"  # nothing was proved yet
    here.town.clock.forward(1)
    here.sits_here(replace(here.town.doctor, proved_at=here.town.clock()))
    assert (await here.client.get(onward)).status_code == 200
    here.town.clock.forward(301)
    assert (await here.client.get(onward)).status_code == 303  # it was given for what was asked then


@pytest.mark.parametrize(("seconds", "status"), [(60, 200), (61, 303)])
async def test_a_proof_may_be_as_old_as_a_program_says(here: Installation, seconds: int, status: int) -> None:
    client = (await here.town.register()).client
    here.sits_here(here.town.doctor)
    here.town.clock.forward(seconds)
    assert (await shown(here, client, max_age="60")).status_code == status


@pytest.mark.parametrize(("seconds", "error"), [(60, "consent_required"), (61, "login_required")])
async def test_without_a_page_a_proof_that_is_too_old_is_as_none(here: Installation, seconds: int, error: str) -> None:
    client = (await here.town.register()).client
    here.sits_here(here.town.doctor)
    here.town.clock.forward(seconds)
    answer = await shown(here, client, prompt="none", max_age="60")
    assert value_in(answer.headers["location"], "error") == error


@pytest.mark.parametrize(
    "asks", [{"prompt": "none login"}, {"prompt": "sign-in"}, {"max_age": "-1"}, {"max_age": "1.5"}, {"max_age": "٣"}]
)
async def test_a_prompt_or_an_age_that_is_none_is_told_the_program(here: Installation, asks: dict[str, str]) -> None:
    client = (await here.town.register()).client
    here.sits_here(here.town.doctor)
    assert value_in((await shown(here, client, **asks)).headers["location"], "error") == "invalid_request"


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "https://evil.example/back"},
        {"redirect_uri": f"{REDIRECT}/../x"},
        {"redirect_uri": "//evil.example"},
        {"redirect_uri": None},
        {"client_id": "unknown"},
        {"client_id": None},
    ],
)
@pytest.mark.parametrize("is_here", [True, False])
async def test_there_is_no_open_redirect(here: Installation, changes: dict[str, str | None], is_here: bool) -> None:
    client = (await here.town.register()).client
    here.sits_here(here.town.doctor if is_here else None)
    answer = await shown(here, client, **changes)
    assert answer.status_code >= 400
    assert "location" not in answer.headers
    assert re.search(r"(?:href|action)=.(?:https?:)?//evil", answer.text) is None


async def test_a_backend_service_is_never_put_before_a_person(here: Installation) -> None:
    from tests.services.accounts.oauth.made_up import made_up_key

    client = await here.town.register_backend(made_up_key())
    here.sits_here(here.town.doctor)
    assert "location" not in (await shown(here, client)).headers


async def test_a_guardian_chooses_whose_records_and_nobody_is_chosen_beforehand(here: Installation) -> None:
    mine = await here.record(b'{"resourceType":"Patient","name":[{"text":"\xe7\xa4\xba\xe4\xbe\x8b\xe7\x94\xb2"}]}')
    child = await here.record(
        b'{"resourceType":"Patient","name":[{"text":"\xe7\xa4\xba\xe4\xbe\x8b\xe4\xb9\x99"}],"birthDate":"2020-01-01"}'
    )
    tie = await here.record(
        b'{"resourceType":"RelatedPerson","active":true,"patient":{"reference":"Patient/%s"},"relationship":[{"coding":'
        b'[{"system":"http://terminology.hl7.org/CodeSystem/v3-RoleCode","code":"MTH"}]}]}' % child.encode()
    )
    stranger = await here.record(b'{"resourceType":"Patient","name":[{"text":"\xe7\xa4\xba\xe4\xbe\x8b\xe4\xb8\x99"}]}')
    made = resident()
    parent = replace(made, account=replace(made.account, patients=(mine,), related=(tie,)))
    await here.town.run("update account_record set record = %(mine)s", mine=mine)
    here.sits_here(parent)
    client = (await here.town.register()).client
    page = await shown(here, client, scope="launch/patient patient/*.rs openid")
    assert page.status_code == 200
    assert re.findall(r'type="radio"[^>]*value="([^"]+)"', page.text) == [mine, child]
    assert "checked" not in page.text
    assert (await answered(here, page, decision="permit")).status_code == 422
    refused = await answered(here, page, decision="permit", patient=stranger)
    assert refused.status_code == 404
    place = (await answered(here, page, decision="permit", patient=child)).headers["location"]
    form = dict(here.town.exchange(client, value_in(place, "code")))
    assert (await here.client.post("/oauth/token", data=form)).json()["patient"] == child


async def test_staff_without_a_page_of_a_patient_are_told_that_nobody_can_be_chosen(here: Installation) -> None:
    client = (await here.town.register()).client
    here.sits_here(here.town.doctor)
    answer = await shown(here, client, scope="launch/patient patient/*.rs")
    assert value_in(answer.headers["location"], "error") == "access_denied"


async def test_the_page_speaks_chinese_and_english(here: Installation) -> None:
    client = (await here.town.register(ClientKind.PUBLIC)).client
    here.sits_here(here.town.doctor)
    chinese = await shown(here, client)
    english = await here.client.get("/oauth/authorize", params=[*asked(client), ("lang", "en")])
    assert "请求代您操作" in unescape(chinese.text)
    assert "asks to act for you" in unescape(english.text)
    assert "See, of everybody whose records you may see yourself: the whole record" in unescape(english.text)


def test_both_catalogues_say_the_same_things_and_every_phrase_of_the_page() -> None:
    chinese, english = (
        json.loads((FOLDER / "languages" / f"{tag}.json").read_text("utf-8")) for tag in ("zh-CN", "en")
    )
    assert set(chinese) == set(english)
    named = set(
        re.findall(
            r't(?:_with)?\("(smart\.[a-z-]+[a-z])"',
            "".join((FOLDER / "templates" / name).read_text("utf-8") for name in ("approval.html", "back.html")),
        )
    )
    assert len(named) > 10
    assert named <= set(chinese)
