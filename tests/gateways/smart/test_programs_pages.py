"""The programs that somebody let in, and those that staff start from a patient's page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import orjson
import pytest

from tests.desk import DESK
from tests.gateways.smart.conftest import HERE, Installation
from tests.services.accounts.oauth.made_up import BASE, REDIRECT, asked
from tianfu.access.purpose import Purpose
from tianfu.services.accounts.oauth.model.clients import ClientKind

pytestmark = pytest.mark.anyio

PERMITTED = "/account/programs"
ENGLISH = {"accept-language": "en"}
LAUNCH_AT = "https://app.example/launch"


async def permits(here: Installation, client: str, **changes: str) -> httpx.Response:
    """Let a program in on the approval page."""
    page = await here.client.get("/oauth/authorize", params=asked(client, **changes))
    sealed = re.search(r'name="request" value="([^"]+)"', page.text)
    assert sealed, page.text[-1500:]
    fields = {"request": sealed[1], "decision": "permit"}
    if patient := re.search(r'name="patient" value="([^"]+)"', page.text):
        fields["patient"] = patient[1]
    return await here.client.post("/oauth/authorize/answer", data=fields, headers=HERE)


async def given_for(here: Installation, client: str, code: str) -> Mapping[str, Any]:
    """What a code is exchanged for."""
    return await here.town.server.exchanging.token(here.town.exchange(client, code), "")


async def shown(here: Installation) -> list[str]:
    page = await here.client.get(PERMITTED)
    assert page.status_code == 200
    return re.findall(r'name="permission" value="([^"]+)"', page.text)


async def test_what_was_let_in_is_listed_in_plain_words_and_ends_by_one_press(here: Installation) -> None:
    registered = await here.town.register()
    here.sits_here(here.town.doctor)
    assert await shown(here) == []
    answer = await permits(here, registered.client)
    code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
    given = await given_for(here, registered.client, code)
    [family] = await shown(here)
    page = (await here.client.get(PERMITTED)).text
    assert "user/*.rs" not in page
    ended = await here.client.post(f"{PERMITTED}/end", data={"permission": family}, headers=HERE)
    assert (ended.status_code, ended.headers["location"]) == (303, f"{PERMITTED}?done=ended")
    assert await shown(here) == []
    here.town.clock.forward(2)
    with pytest.raises(Exception, match="token-ended"):
        await here.town.server.bearer(given["access_token"].encode())
    told = await here.town.run("select outcome, caller from audit where interaction = 'program-revoke'")
    assert told == [("success", here.town.doctor.account.id)]


async def test_nobody_ends_or_sees_what_another_let_in(here: Installation) -> None:
    registered = await here.town.register()
    here.sits_here(here.town.doctor)
    await permits(here, registered.client)
    [family] = await shown(here)
    here.sits_here(here.town.resident)
    assert await shown(here) == []
    for wrong in (family, "", "x" * 5_000):
        answer = await here.client.post(f"{PERMITTED}/end", data={"permission": wrong}, headers=HERE)
        assert answer.status_code == 404
    told = await here.town.run("select outcome, caller from audit where interaction = 'program-revoke'")
    assert told == [("not-found", here.town.resident.account.id)] * 3
    here.sits_here(None)
    assert (await here.client.get(PERMITTED)).status_code == 404
    here.sits_here(here.town.doctor)
    assert await shown(here) == [family]


async def a_patient_of_the_doctors(here: Installation) -> tuple[str, str]:
    """A Patient whom the doctor may see, and the Encounter because of which."""
    patient = await here.record(b'{"resourceType": "Patient", "name": [{"text": "Made-up Patient"}]}')
    doctor = here.town.doctor.workplace
    assert doctor is not None
    visit = {
        "resourceType": "Encounter",
        "status": "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
        "subject": {"reference": f"Patient/{patient}"},
        "period": {"start": "2026-11-22T08:00:00+08:00"},
        "serviceProvider": {"reference": f"Organization/{doctor.organisation}"},
        "participant": [{"individual": {"reference": f"Practitioner/{doctor.practitioner}"}}],
    }
    return patient, await here.record(orjson.dumps(visit))


async def test_a_program_is_started_for_a_patient_with_a_handle_that_is_good_once(here: Installation) -> None:
    registered = await here.town.register(launch_at=LAUNCH_AT, name="Made-up Curves")
    await here.town.register(name="Not to be started")
    patient, _ = await a_patient_of_the_doctors(here)
    here.sits_here(here.town.doctor)
    page = await here.client.get(f"/programs/{patient}")
    assert page.status_code == 200
    assert "Made-up Curves" in page.text
    assert "Not to be started" not in page.text
    assert "form-action 'self' https://app.example" in page.headers["content-security-policy"]
    started = await here.client.post(f"/programs/{patient}", data={"program": registered.client}, headers=HERE)
    assert started.status_code == 303
    address = urlsplit(started.headers["location"])
    question = parse_qs(address.query)
    assert (f"{address.scheme}://{address.netloc}{address.path}", question["iss"]) == (LAUNCH_AT, [BASE])
    asks = {"scope": "launch openid fhirUser patient/*.rs", "launch": question["launch"][0]}
    answer = await permits(here, registered.client, **asks)
    assert answer.headers["location"].startswith(REDIRECT)
    code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
    assert (await given_for(here, registered.client, code))["patient"] == patient
    assert "It is about <bdi>Made-up Patient</bdi>." in (await here.client.get(PERMITTED, headers=ENGLISH)).text


async def test_what_was_let_in_for_somebody_whom_one_may_see_no_more_names_nobody(here: Installation) -> None:
    registered = await here.town.register(launch_at=LAUNCH_AT)
    patient, visit = await a_patient_of_the_doctors(here)
    here.sits_here(here.town.doctor)
    started = await here.client.post(f"/programs/{patient}", data={"program": registered.client}, headers=HERE)
    launch = parse_qs(urlsplit(started.headers["location"]).query)["launch"][0]
    await permits(here, registered.client, scope="launch patient/*.rs", launch=launch)
    assert "Made-up Patient" in (await here.client.get(PERMITTED)).text
    await here.store.delete(DESK, Purpose.TREATMENT, "Encounter", visit)
    page = (await here.client.get(PERMITTED, headers=ENGLISH)).text
    assert "Made-up Patient" not in page
    assert "whose record you may not see now" in page


async def test_to_whoever_may_not_see_the_patient_there_is_nothing_to_start(here: Installation) -> None:
    registered = await here.town.register(launch_at=LAUNCH_AT)
    stranger = await here.record(b'{"resourceType": "Patient", "name": [{"text": "Made-up Stranger"}]}')
    for who in (here.town.doctor, here.town.resident, None):
        here.sits_here(who)
        for patient in (stranger, "nobody"):
            assert (await here.client.get(f"/programs/{patient}")).status_code == 404
            answer = await here.client.post(f"/programs/{patient}", data={"program": registered.client}, headers=HERE)
            assert answer.status_code == 404
    assert await here.town.run("select count(*) from oauth_launch") == [(0,)]


async def test_a_program_that_is_shut_out_or_unknown_is_not_started(here: Installation) -> None:
    registered = await here.town.register(launch_at=LAUNCH_AT, kind=ClientKind.PUBLIC)
    patient, _ = await a_patient_of_the_doctors(here)
    here.sits_here(here.town.doctor)
    await here.town.server.clients.disable(here.town.doctor.caller, registered.client)
    for wrong in (registered.client, "nobody", ""):
        answer = await here.client.post(f"/programs/{patient}", data={"program": wrong}, headers=HERE)
        assert answer.status_code == 404
