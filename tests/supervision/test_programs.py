"""Programs of other houses sign in to a running installation with keys of their own, and read as far as they may."""

from __future__ import annotations

import asyncio
import json
import signal
import stat
import subprocess
import sys
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from bench.program import ASSERTION_TYPE, Program
from tests.folders import new_folder
from tests.supervision.installation import Installation

from tianfu.db import Database, EmbeddedPostgres, Query
from tianfu.installation import installation_keys
from tianfu.kernel.instants import SECOND, Instant, system_clock
from tianfu.records.audit import NoAuditor
from tianfu.records.keys import open_keyring
from tianfu.services.accounts.fetching import HttpFetcher
from tianfu.services.accounts.oauth.server import AuthorisationServer
from tianfu.services.accounts.reach import ANYWHERE
from tianfu.settings import settings_from

ROOT = Path(__file__).resolve().parents[2]
QUARTER_OF_AN_HOUR = 15 * 60

TOLD = """select interaction, outcome from audit
where (%(caller)s <> '' and caller = %(caller)s) or (%(query)s <> '' and query like '%%' || %(query)s || '%%')
order by at, seq"""

pytestmark = pytest.mark.slow  # everything here asks a whole running program


@pytest.fixture(scope="module")
def served() -> Iterator[Installation]:
    """One installation for all tests of this file; each registers a program of its own."""
    with new_folder() as folder:
        made = Installation(folder)
        assert made.run("migrate").returncode == 0
        made.serve()
        yield made
        made.stop(signal.SIGTERM)
        EmbeddedPostgres(folder).stop()


def address_of(installation: Installation) -> str:
    return f"http://localhost:{installation.port}"


def program(installation: Installation, **more: Any) -> Program:
    return Program.registered(installation.environment, address_of(installation), **more)


def asked(installation: Installation, headers: dict[str, str], path: str = "/fhir/Patient") -> httpx.Response:
    return httpx.get(f"{address_of(installation)}{path}", headers=headers)


def code_of(answer: httpx.Response) -> str:
    return str(answer.json()["issue"][0]["details"]["coding"][0]["code"])


def claims_of(headers: dict[str, str]) -> dict[str, Any]:
    part = headers["authorization"].removeprefix("Bearer ").split(".")[1]
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def told(installation: Installation, *, caller: str = "", query: str = "") -> list[tuple[str, str]]:
    """Deeds and outcomes in the trail, of a caller or with these words in the query."""

    async def rows() -> list[Any]:
        addresses = EmbeddedPostgres(installation.home).addresses
        async with await Database.open(addresses, links_max=1) as database, database.connection("owner") as owner:
            return await owner.all(Query.composed("told", TOLD), caller=caller, query=query)

    return [(row[0], row[1]) for row in asyncio.run(rows())]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A token that the installation's own key signed, otherwise than it would."""

    seconds_ago: int = 0
    audience: str = ""


def signed(installation: Installation, family: str, made: Made) -> str:
    """An access token of a family that lives, as it was long ago or for another door."""

    async def text() -> str:
        settings = settings_from(installation.environment)
        addresses = EmbeddedPostgres(installation.home).addresses
        async with await Database.open(addresses, links_max=2) as database:
            keyring = await open_keyring(database, installation_keys(settings))
            issuer = address_of(installation)
            server = await AuthorisationServer.open(
                database,
                keyring,
                NoAuditor(),
                HttpFetcher(reach=ANYWHERE),
                issuer=issuer,
                base=f"{issuer}/fhir",
                clock=lambda: Instant(system_clock() - made.seconds_ago * SECOND),
                is_production=False,
            )
            living = await server.families.living(family)
            assert living is not None
            return (await server.tokens.write(living, made.audience or server.base, living.scopes, user=None))[0]

    return asyncio.run(text())


# What goes well


def test_a_program_in_another_process_signs_in_with_its_own_key_and_reads(served: Installation, tmp_path: Path) -> None:
    private, public = tmp_path / "private.json", tmp_path / "public.json"
    made = served.run("client", "key", str(private), "--algorithm", "ES384")
    assert made.returncode == 0, made.stderr
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    public.write_text(made.stdout)
    added = served.run(
        "client", "add", "--kind", "backend", "--name", "Made-up laboratory", "--role", "desk",
        "--organisation", "made-up-house", "--keys", str(public), "--scope", "system/Patient.rs",
    )  # fmt: skip
    assert added.returncode == 0, added.stderr
    client = added.stdout.strip().removeprefix("client_id=")
    with program(served).client() as writer:
        patient = writer.post("/fhir/Patient", json={"resourceType": "Patient", "active": True}).json()["id"]
    words = [address_of(served), client, str(private), "system/*.rs", f"/fhir/Patient/{patient}"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.supervision.other_house", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["status"], said["body"]["id"]) == (200, patient)
    assert told(served, caller=client) == [("program-token", "success"), ("read", "success")]
    assert ("client-register", "success") in told(served, query=client)


def test_a_token_is_renewed_before_it_is_over(served: Installation) -> None:
    one = program(served)
    first = one.headers()
    assert one.headers() == first
    one.forget_token()
    second = one.headers()
    assert second != first
    assert {asked(served, each).status_code for each in (first, second)} == {200}


# What is refused


def test_nothing_false_is_let_in_as_the_desk(served: Installation) -> None:
    """Whoever shows a token that is not good is refused, whatever showing none would open."""
    for shown in ("x", "x.y.z", program(served).headers()["authorization"].removeprefix("Bearer ")[:-2] + "AA"):
        answer = asked(served, {"authorization": f"Bearer {shown}"})
        assert (answer.status_code, code_of(answer)) == (401, "token-refused")
        assert answer.headers["www-authenticate"] == 'Bearer realm="tianfu", error="invalid_token"'
    assert ("program-read", "token-refused") in told(served, query="reason=")


def test_an_expired_token_is_refused_and_told(served: Installation) -> None:
    headers = program(served).headers()
    family = claims_of(headers)["family"]
    old = signed(served, family, Made(seconds_ago=QUARTER_OF_AN_HOUR))
    answer = asked(served, {**headers, "authorization": f"Bearer {old}"})
    assert (answer.status_code, code_of(answer)) == (401, "token-expired")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert ("program-read", "token-expired") in told(served, query="reason=expired")
    just_made = signed(served, family, Made())  # the same hand and key, so that only the time was wrong
    assert asked(served, {**headers, "authorization": f"Bearer {just_made}"}).status_code == 200


@pytest.mark.parametrize("audience", ["https://another.example/fhir", "{address}", "{address}/fhir/"])
def test_a_token_for_another_door_is_refused_and_told(served: Installation, audience: str) -> None:
    headers = program(served).headers()
    made = Made(audience=audience.format(address=address_of(served)))
    elsewhere = signed(served, claims_of(headers)["family"], made)
    answer = asked(served, {**headers, "authorization": f"Bearer {elsewhere}"})
    assert (answer.status_code, code_of(answer)) == (401, "token-refused")
    assert ("program-read", "token-refused") in told(served, query="reason=audience")


def test_a_token_that_its_program_gave_back_is_refused_within_a_second(served: Installation) -> None:
    one = program(served)
    headers = one.headers()
    assert {asked(served, headers).status_code for _ in range(8)} == {200}
    form = {
        "token": headers["authorization"].removeprefix("Bearer "),
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": one.assertion(),
    }
    assert httpx.post(f"{address_of(served)}/oauth/revoke", data=form).status_code == 200
    time.sleep(1.1)
    answers = [asked(served, headers) for _ in range(8)]  # by both workers
    assert {(each.status_code, code_of(each)) for each in answers} == {(401, "token-ended")}
    family = claims_of(headers)["family"]
    assert {("program-revoke", "success"), ("program-read", "token-ended")} <= set(told(served, query=family))


def test_a_program_that_was_disabled_is_out_within_a_second_and_gets_no_token(served: Installation) -> None:
    one = program(served)
    headers = one.headers()
    done = served.run("client", "disable", one.client_id)
    assert done.returncode == 0, done.stderr
    time.sleep(1.1)
    assert {asked(served, headers).status_code for _ in range(8)} == {401}
    one.forget_token()
    with pytest.raises(httpx.HTTPStatusError, match="invalid_client"):
        one.headers()
    assert ("client-disable", "success") in told(served, query=one.client_id)


def test_what_is_out_of_a_programs_scopes_is_forbidden_and_the_scope_is_named(served: Installation) -> None:
    headers = program(served, scopes=("system/Observation.rs",)).headers()
    answer = asked(served, headers, "/fhir/Patient/made-up")
    assert (answer.status_code, code_of(answer)) == (403, "scope-insufficient")
    wanted = 'Bearer realm="tianfu", error="insufficient_scope", scope="system/Patient.r"'
    assert answer.headers["www-authenticate"] == wanted
    assert asked(served, headers, "/fhir/Observation").status_code == 200
    caller = claims_of(headers)["sub"]
    assert ("read", "scope-insufficient") in told(served, caller=caller)


def test_a_program_with_several_purposes_says_which_and_names_none_that_its_role_lacks(served: Installation) -> None:
    headers = program(served, role="hospital-system").headers()
    del headers["purpose-of-use"]
    assert code_of(asked(served, headers)) == "purpose-missing"
    assert code_of(asked(served, {**headers, "purpose-of-use": "HRESCH"})) == "purpose-not-allowed"
    assert asked(served, {**headers, "purpose-of-use": "HOPERAT"}).status_code == 200


# The commands


def test_keys_that_were_replaced_sign_nothing_any_more(served: Installation, tmp_path: Path) -> None:
    one = program(served)
    one.headers()
    public = tmp_path / "public.json"
    public.write_text(served.run("client", "key", str(tmp_path / "private.json"), "--algorithm", "ES256").stdout)
    done = served.run("client", "keys", one.client_id, str(public))
    assert done.returncode == 0, done.stderr
    one.forget_token()
    with pytest.raises(httpx.HTTPStatusError, match="invalid_client"):
        one.headers()
    assert ("client-keys", "success") in told(served, query=one.client_id)


def test_programs_are_listed_in_full_and_a_secret_is_shown_once(served: Installation) -> None:
    added = served.run(
        "client", "add", "--kind", "symmetric", "--name", "Made-up booking desk of a long name",
        "--redirect", "https://app.example/back", "--scope", "openid", "--scope", "patient/*.rs",
    )  # fmt: skip
    assert added.returncode == 0, added.stderr
    said = dict(line.split("=") for line in added.stdout.splitlines())
    assert set(said) == {"client_id", "client_secret"}
    listed = served.run("client", "list")
    assert (
        f"{said['client_id']}\tenabled\tsymmetric\tMade-up booking desk of a long name\tfor people\topenid patient/*.rs"
        in listed.stdout.splitlines()
    )
    assert said["client_secret"] not in listed.stdout


SOUND = ["--kind", "public", "--name", "Made up", "--redirect", "https://app.example/back", "--scope", "openid"]
BACKEND = ["--kind", "backend", "--name", "Made up", "--organisation", "made-up", "--scope", "system/*.rs"]
BACKEND += ["--keys-at", "https://app.example/keys"]


@pytest.mark.parametrize(
    "words",
    [
        SOUND[2:],
        [*SOUND[:2], *SOUND[4:]],
        SOUND[:-2],
        ["--kind", "anything", *SOUND[2:]],
        [*SOUND, "--role", "desk"],
        [*SOUND, "--redirect", "http://app.example/back"],
        [*SOUND, "--keys", "/nowhere/at/all"],
        [*BACKEND, "--role", "system"],
        [*BACKEND, "--role", "doctor"],
        BACKEND,
    ],
    ids=" ".join,
)
def test_no_program_is_registered_that_would_be_let_in_too_far(served: Installation, words: list[str]) -> None:
    done = served.run("client", "add", *words)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr


def test_a_private_key_is_never_written_over(served: Installation, tmp_path: Path) -> None:
    file = tmp_path / "private.json"
    file.write_text("something that is dear to somebody")
    done = served.run("client", "key", str(file), "--algorithm", "ES256")
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert file.read_text("utf-8") == "something that is dear to somebody"


def test_the_role_of_development_is_for_no_program_in_production(served: Installation) -> None:
    """The register of a production installation, on the same database."""
    production = Installation(served.home)
    production.environment = {**served.environment, "TIANFU_MODE": "production"}
    with pytest.raises(SystemExit, match="reason: role"):
        program(production)
