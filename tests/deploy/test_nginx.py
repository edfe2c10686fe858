"""The program in production behind a real nginx with the configuration that we hand out."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import signal
import ssl
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest
from bench.people import PASSWORD, People
from bench.program import Program

from tests.deploy.front import NAME, Front, nginx
from tests.folders import made_folder
from tests.supervision.installation import Installation, free_port
from tianfu.db import EmbeddedPostgres
from tianfu.kernel.instants import system_clock
from tianfu.services.accounts.model.lockout import ADDRESS_FAILURES_MAX
from tianfu.services.accounts.totp import code_at

pytestmark = pytest.mark.slow  # starts the whole program and nginx

FAILURES_MAX = 3
"""So many bad sessions and tokens an address may show, in the limits of these tests."""

STAFF = "/sign-in/staff"
STEP = re.compile(r'name="step" value="([^"]+)"')
OWN_PAGE = {"sec-fetch-site": "same-origin"}
ONLY_HTTPS = "max-age=31536000"

_numbers = itertools.count(20)


def fresh_address() -> str:
    """An address of this machine from which nobody has asked."""
    return f"127.0.1.{next(_numbers)}"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = made_folder()
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def production(folder: Path) -> Iterator[Installation]:
    """An installation as docs/how-to/deploy.md sets it up."""
    home = folder / "home"
    home.mkdir(mode=0o755)
    limits = json.loads(files("tianfu.services.limits").joinpath("limits.json").read_bytes())
    limits["classes"]["bad-credential"] = {"burst": FAILURES_MAX, "per_second": 0.001}
    (folder / "limits.json").write_text(json.dumps(limits))
    made = Installation(home)
    made.environment |= {
        "TIANFU_MODE": "production",
        "TIANFU_HOSTS": NAME,
        "TIANFU_ADDRESS": f"https://{NAME}",
        "TIANFU_TRUSTED_PROXIES": "127.0.0.1",
        "TIANFU_LIMITS_FILE": str(folder / "limits.json"),
        "TIANFU_CODES_ADDRESS": f"http://127.0.0.1:{free_port()}/nobody-carries-codes-here",
        "TIANFU_CODES_SECRET_FILE": str(folder / "codes-secret"),
        "TIANFU_NOTICES_ADDRESS": f"http://127.0.0.1:{free_port()}/nobody-carries-notices-here",
        "TIANFU_NOTICES_SECRET_FILE": str(folder / "notices-secret"),
    }
    for name in ("codes-secret", "notices-secret"):
        (folder / name).touch(mode=0o600)
        (folder / name).write_text("made-up-token")
    for words in (["migrate"], ["keys", "make"]):
        done = made.run(*words)
        assert done.returncode == 0, done.stderr
    made.serve()
    yield made
    made.stop(signal.SIGTERM)
    EmbeddedPostgres(home).stop()


APPENDED = ("X-Forwarded-For   $remote_addr", "X-Forwarded-For   $proxy_add_x_forwarded_for")
"""What many proxies do: they leave what the client said and write their own word behind it."""


@pytest.fixture(scope="module", params=["as handed out", "appending"])
def front(request: Any, folder: Path, production: Installation) -> Iterator[Front]:
    own = folder / request.param.replace(" ", "-")
    own.mkdir()
    instead = APPENDED if request.param == "appending" else ("", "")
    with nginx(own, behind=production.port, instead=instead) as made:
        yield made


def code_of(answer: httpx.Response) -> str:
    return str(answer.json()["issue"][0]["details"]["coding"][0]["code"])


# TLS and nothing else


def test_pages_in_clear_are_led_to_https(front: Front) -> None:
    answer = front.get_in_clear("/person/1?part=2")
    assert (answer.status_code, answer.headers["location"]) == (301, f"https://{NAME}/person/1?part=2")


@pytest.mark.parametrize("path", ["/fhir/metadata", "/fhir", "/fhir/Patient/1", "/oauth/token", "/oauth/introspect"])
def test_the_doors_of_systems_in_clear_are_refused_so_that_a_system_notices(front: Front, path: str) -> None:
    answer = front.get_in_clear(path)
    assert (answer.status_code, "HTTPS only" in answer.text) == (403, True)


def test_plain_http_at_the_port_of_tls_is_no_way_in(front: Front) -> None:
    assert httpx.get(f"http://127.0.0.1:{front.https}/healthz", headers={"host": NAME}).status_code == 400


@pytest.mark.parametrize(("version", "is_spoken"), [("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_only_tls_1_2_and_1_3_are_spoken(front: Front, version: str, is_spoken: bool) -> None:
    context = front.trusting()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # else this client would itself refuse what is old
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    transport = httpx.HTTPTransport(verify=context)
    with httpx.Client(transport=transport) as client:
        request = client.build_request(
            "GET", f"https://127.0.0.1:{front.https}/healthz", headers={"host": NAME}, extensions={"sni_hostname": NAME}
        )
        if is_spoken:
            assert client.send(request).text == "ok"
        else:
            with pytest.raises(httpx.ConnectError, match="PROTOCOL_VERSION"):
                client.send(request)


def test_another_name_gets_no_answer(front: Front) -> None:
    with front.client(name="elsewhere.example") as client, pytest.raises(httpx.ConnectError, match="UNRECOGNIZED_NAME"):
        client.get("/healthz")
    with pytest.raises(httpx.RemoteProtocolError):
        front.get_in_clear("/", name="elsewhere.example")


@pytest.mark.parametrize("path", ["/healthz", "/fhir/metadata"])
def test_another_name_inside_a_good_connection_gets_none_either(front: Front, path: str) -> None:
    with front.client() as client, pytest.raises(httpx.RemoteProtocolError):
        client.get(path, headers={"host": "elsewhere.example"})


# What browsers are told


def test_every_answer_tells_browsers_once_to_come_by_https(front: Front) -> None:
    with front.client() as client:
        answers = [client.get("/healthz"), client.get("/fhir/metadata"), client.get("/nothing"), client.post(STAFF)]
        answers += [client.post(STAFF, content=b"x" * 70_000, headers=OWN_PAGE), client.post("/oauth/token")]
    for answer in answers:
        assert answer.headers.get_list("strict-transport-security") == [ONLY_HTTPS], answer.url
    assert [answer.status_code for answer in answers] == [200, 200, 404, 403, 413, 400]


def test_a_session_travels_over_https_only(front: Front, production: Installation) -> None:
    login = People(production.environment).login("doctor")
    with front.client(headers=OWN_PAGE) as client:
        asked = client.post(STAFF, data={"number": login.number, "password": PASSWORD})
        step = STEP.findall(asked.text)[0]
        form = {"step": step, "code": code_at(login.secret, system_clock()), "next": "/account"}
        entered = client.post("/sign-in/second", data=form)
        assert (entered.status_code, entered.headers["location"]) == (303, "/account")
        cookies = [*asked.headers.get_list("set-cookie"), *entered.headers.get_list("set-cookie")]
        assert {each.partition("=")[0] for each in cookies} == {"__Host-session", "__Host-device"}
        for cookie in cookies:
            told = {part.strip().lower() for part in cookie.split(";")}
            assert {"secure", "httponly", "samesite=lax", "path=/"} <= told
        assert client.get("/account").status_code == 200
        chosen = client.post("/preferences", data={"language": "en"})
        assert all("; secure" in each.lower() for each in chosen.headers.get_list("set-cookie"))


def test_a_code_that_nobody_carries_is_told_of_and_lets_nobody_in(front: Front) -> None:
    with front.client(fresh_address(), headers=OWN_PAGE) as client:
        answer = client.post("/sign-in/telephone", data={"number": "10012345678"})
    assert (answer.status_code, "set-cookie" in answer.headers) == (503, False)


def test_the_fhir_door_gives_its_address_as_it_was_reached(front: Front, production: Installation) -> None:
    with front.client() as client:
        said = client.get("/fhir/metadata").json()
    assert said["implementation"]["url"] == f"https://{NAME}:{front.https}/fhir"


# Whose address counts


Shown = Callable[..., int]
"""Shows something that opens nothing, a different one for each number; the status of the answer."""


def shown_at_fhir(client: httpx.Client, number: int, **headers: str) -> int:
    return client.get("/fhir/Patient/1", headers={"authorization": f"Bearer a.b.{number}", **headers}).status_code


def shown_at_tokens(client: httpx.Client, number: int, **headers: str) -> int:
    form = {"grant_type": "client_credentials", "client_id": f"made-up-{number}", "client_secret": "made-up"}
    return client.post("/oauth/token", data=form, headers=headers).status_code


def shown_at_pages(client: httpx.Client, number: int, **headers: str) -> int:
    secrets = "; ".join(f"{name}={number:043}" for name in ("__Host-session", "__Host-device"))
    answer = client.get("/account", headers={"cookie": secrets, **headers})
    return 401 if answer.headers.get("location", "").startswith("/sign-in?why=session-over") else answer.status_code


DOORS = pytest.mark.parametrize(
    "shown", [shown_at_fhir, shown_at_tokens, shown_at_pages], ids=["fhir", "tokens", "pages"]
)
UNTIL_TOO_OFTEN = [401] * FAILURES_MAX + [429]


@DOORS
def test_each_client_has_limits_of_its_own(front: Front, shown: Shown) -> None:
    for address in (fresh_address(), fresh_address()):
        with front.client(address) as client:
            assert [shown(client, number) for number in range(FAILURES_MAX + 1)] == UNTIL_TOO_OFTEN


@DOORS
@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-host"])
def test_a_client_that_says_it_is_somebody_else_is_still_itself(front: Front, shown: Shown, header: str) -> None:
    with front.client(fresh_address()) as client:
        said = [shown(client, n, **{header: f"203.0.113.{n}"}) for n in range(FAILURES_MAX + 1)]
    assert said == UNTIL_TOO_OFTEN


@DOORS
def test_nobody_can_use_up_what_belongs_to_another_address(front: Front, shown: Shown) -> None:
    victim = fresh_address()
    with front.client(fresh_address()) as client:
        for number in range(FAILURES_MAX + 1):
            shown(client, number, **{"x-forwarded-for": victim})
    with front.client(victim) as client:
        assert shown(client, 0) == 401


@DOORS
def test_who_goes_around_the_proxy_is_not_believed(production: Installation, shown: Shown) -> None:
    transport = httpx.HTTPTransport(local_address=fresh_address())
    with httpx.Client(transport=transport, base_url=f"http://localhost:{production.port}") as client:
        said = [shown(client, n, **{"x-forwarded-for": f"203.0.113.{n}"}) for n in range(FAILURES_MAX + 1)]
    assert said == UNTIL_TOO_OFTEN


def test_failed_sign_ins_close_the_address_that_they_come_from(front: Front) -> None:
    with front.client(fresh_address(), headers=OWN_PAGE) as client:
        said = [
            client.post(STAFF, data=wrong_login(), headers={"x-forwarded-for": f"203.0.113.{number}"}).status_code
            for number in range(ADDRESS_FAILURES_MAX + 1)
        ]
    assert said == [401] * ADDRESS_FAILURES_MAX + [429]
    with front.client(fresh_address(), headers=OWN_PAGE) as client:
        assert client.post(STAFF, data=wrong_login()).status_code == 401


def wrong_login() -> dict[str, str]:
    """What nobody has, another one each time: a number alone would close after five."""
    return {"number": f"NOBODY-{next(_numbers)}", "password": "no password of anybody"}


# Limits


def pieces(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b" " * 1024 * 1024


@pytest.mark.parametrize("is_told", [True, False], ids=["with its length", "without"])
def test_a_request_that_is_too_large_is_told_so_in_fhir(front: Front, production: Installation, is_told: bool) -> None:
    program = Program.registered(production.environment, production.address, role="hospital-system")
    bearer = program.headers()
    length = {"content-length": str(33 * 1024 * 1024)} if is_told else {}
    with front.client() as client:
        headers = {**bearer, "content-type": "application/fhir+json", **length}
        answer = client.post("/fhir", content=pieces(33), headers=headers)
        assert (answer.status_code, code_of(answer)) == (413, "body-too-large")
        assert answer.headers["content-type"] == "application/fhir+json"


def test_a_form_that_is_too_large_is_told_so(front: Front) -> None:
    with front.client() as client:
        answer = client.post(STAFF, content=b"x" * 70_000, headers=OWN_PAGE)
    assert (answer.status_code, "too large" in answer.text) == (413, True)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/radiotherapy/deliveries/made-up/objects", "application/dicom"),
        ("/newborn/care/made-up/diary/2026-11-28/photo", "multipart/form-data; boundary=x"),
        ("/newborn/desk/wordings/bo/table", "multipart/form-data; boundary=x"),
    ],
)
def test_a_file_is_the_programs_to_measure(front: Front, path: str, kind: str) -> None:
    """Nobody signed in here, so that the program answers and reads no further; the proxy refused nothing before."""
    with front.client() as client:
        answer = client.post(path, content=b"x" * 400_000, headers={**OWN_PAGE, "content-type": kind})
    assert answer.status_code != 413


def test_a_long_address_and_a_long_head_are_told_so_by_the_program(front: Front) -> None:
    with front.client() as client:
        long = client.get("/fhir/Patient?name=" + "a" * 33_000)
        assert (long.status_code, code_of(long)) == (414, "address-too-long")
        large = client.get("/fhir/metadata", headers={"x-made-up": "a" * 20_000})
        assert (large.status_code, code_of(large)) == (431, "headers-too-large")
        assert client.get("/fhir/metadata", headers={"x-made-up": "a" * 50_000}).status_code == 400


# What is left behind


def test_no_log_of_nginx_holds_whose_record_was_asked_for(front: Front) -> None:
    with front.client() as client:
        client.get("/fhir/Patient/marked-person?name=marked-name")
        client.get("/marked-page?find=marked-words")
        client.post("/fhir?marked-length", content=pieces(33))
    front.get_in_clear("/marked-in-clear")
    assert "marked" not in front.log()
    assert " GET fhir 401 " in front.log()


def test_nothing_of_the_door_for_pictures_is_logged(front: Front) -> None:
    with front.client() as client:
        client.get("/healthz")
        before = front.log()
        assert client.delete("/media/connection/a-secret").status_code == 404
        client.post("/media/whip")
    assert front.log() == before
    assert " GET health " in before


@pytest.mark.parametrize("path", ["/fhir/metadata", "/healthz"])
def test_a_program_that_is_away_is_told_so(short_folder: Path, path: str) -> None:
    with nginx(short_folder, behind=free_port()) as alone, alone.client() as client:
        answer = client.get(path)
        assert answer.status_code == 503
        assert answer.headers["strict-transport-security"] == ONLY_HTTPS
        if path.startswith("/fhir"):
            assert code_of(answer) == "server-away"
        else:
            assert "Try again" in answer.text
