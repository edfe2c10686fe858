"""What an app shows at the FHIR door that a doctor lets act for him: an access token, come by as OAuth 2.1 has it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from secrets import token_urlsafe
from urllib.parse import parse_qs, urlsplit

from bench.people import opened
from tianfu.access.caller import OPERATOR
from tianfu.main import authorisation_server
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.accounts.oauth.model.clients import ClientKind, Registration
from tianfu.services.accounts.oauth.model.pkce import challenge_of
from tianfu.services.accounts.oauth.server import AuthorisationServer
from tianfu.settings import settings_from

REDIRECT = "https://app.example/back"
SCOPES = ("user/*.rs",)


def doctors_headers(environment: Mapping[str, str], *, organisation: str, practitioner: str) -> dict[str, str]:
    """The headers of a new app of a new doctor, in the installation of these settings; good for ten minutes."""
    return asyncio.run(_headers(environment, organisation, practitioner))


async def _headers(environment: Mapping[str, str], organisation: str, practitioner: str) -> dict[str, str]:
    async with opened(environment) as house:
        account, workplace, _ = await house.joined("doctor", organisation, practitioner)
        doctor = (await house.session(account, workplace)).signed_in
        server = await authorisation_server(settings_from(environment), house.database, house.keyring, house.auditor)
        app = Registration(kind=ClientKind.PUBLIC, name="Made-up app", redirects=(REDIRECT,), scopes=SCOPES)
        client = (await server.clients.register(OPERATOR, app)).client
        token = await token_of(server, client, doctor, redirect=REDIRECT, scopes=SCOPES)
    return {"authorization": f"Bearer {token}"}


async def token_of(
    server: AuthorisationServer, client: str, person: SignedIn, *, redirect: str, scopes: Sequence[str]
) -> str:
    """The access token that an app has after one person's approval (RFC 6749, section 4.1, with RFC 7636)."""
    verifier = token_urlsafe(48)
    asked = {
        "response_type": "code",
        "client_id": client,
        "redirect_uri": redirect,
        "scope": " ".join(scopes),
        "state": token_urlsafe(16),
        "code_challenge": challenge_of(verifier),
        "code_challenge_method": "S256",
        "aud": server.base,
        "nonce": token_urlsafe(16),
    }
    proposal = await server.authorising.propose(person, list(asked.items()))
    answered = await server.authorising.approve(person, proposal, patient=None)
    form = {
        "grant_type": "authorization_code",
        "client_id": client,
        "code": parse_qs(urlsplit(answered).query)["code"][0],
        "redirect_uri": redirect,
        "code_verifier": verifier,
    }
    return str((await server.exchanging.token(list(form.items()), ""))["access_token"])
