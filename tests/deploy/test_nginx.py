"""The program in production behind a real nginx with the configuration that we hand out."""

from __future__ import annotations

import itertools
import json
import shutil
import signal
import ssl
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.deploy.front import NAME, Front, nginx
from tests.supervision.installation import Installation, free_port
from tianfu.db import EmbeddedPostgres

pytestmark = pytest.mark.slow  # starts the whole program and nginx

FAILURES_MAX = 3
"""So many bad tickets an address may show, in the limits of these tests."""

OWN_PAGE = {"sec-fetch-site": "same-origin"}
ONLY_HTTPS = "max-age=31536000"

_numbers = itertools.count(20)


def fresh_address() -> str:
    """An address of this machine from which nobody has asked."""
    return f"127.0.1.{next(_numbers)}"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="tianfu-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def production(folder: Path) -> Iterator[Installation]:
    """An installation as docs/how-to/deploy.md sets it up."""
    home = folder / "home"
    home.mkdir(mode=0o755)
    limits = json.loads(files("tianfu.services.limits").joinpath("limits.json").read_bytes())
    limits["classes"]["ticket-failure"] = {"burst": FAILURES_MAX, "per_second": 0.001}
    (folder / "limits.json").write_text(json.dumps(limits))
    made = Installation(home)
    made.environment |= {
        "TIANFU_MODE": "production",
        "TIANFU_HOSTS": NAME,
        "TIANFU_ADDRESS": f"https://{NAME}",
        "TIANFU_TRUSTED_PROXIES": "127.0.0.1",
        "TIANFU_LIMITS_FILE": str(folder / "limits.json"),
    }
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


def ticket(production: Installation, *words: str) -> str:
    done = production.run("ticket", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


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
        answers = [client.get("/healthz"), client.get("/fhir/metadata"), client.get("/nothing"), client.post("/enter")]
        answers.append(client.post("/enter", content=b"x" * 70_000, headers=OWN_PAGE))
    for answer in answers:
        assert answer.headers.get_list("strict-transport-security") == [ONLY_HTTPS], answer.url
    assert [answer.status_code for answer in answers] == [200, 200, 404, 403, 413]


def test_a_session_travels_over_https_only(front: Front, production: Installation) -> None:
    words = ["--role", "citizen", "--patient", "ada", "--purpose", "PATRQT", "--minutes", "5", "--for", "pages"]
    with front.client() as client:
        form = {"ticket": ticket(production, *words)}
        entered = client.post("/enter", data=form, headers=OWN_PAGE)
        cookie = entered.headers["set-cookie"]
        assert (entered.status_code, cookie.partition("=")[0]) == (303, "__Host-session")
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= {part.strip().lower() for part in cookie.split(";")}
        chosen = client.post("/preferences", data={"language": "en"}, headers=OWN_PAGE)
        assert all("; secure" in each.lower() for each in chosen.headers.get_list("set-cookie"))


def test_the_fhir_door_gives_its_address_as_it_was_reached(front: Front, production: Installation) -> None:
    with front.client() as client:
        said = client.get("/fhir/metadata").json()
    assert said["implementation"]["url"] == f"https://{NAME}:{front.https}/fhir"


# Whose address counts


def shown_at_fhir(client: httpx.Client, number: int, **headers: str) -> int:
    return client.get("/fhir/Patient/1", headers={"authorization": f"Bearer a.b.{number}", **headers}).status_code


def shown_at_pages(client: httpx.Client, number: int, **headers: str) -> int:
    return client.post("/enter", data={"ticket": f"a.b.{number}"}, headers={**OWN_PAGE, **headers}).status_code


DOORS = pytest.mark.parametrize("shown", [shown_at_fhir, shown_at_pages], ids=["fhir", "pages"])
UNTIL_TOO_OFTEN = [401] * FAILURES_MAX + [429]


@DOORS
def test_each_client_has_limits_of_its_own(front: Front, shown: Any) -> None:
    for address in (fresh_address(), fresh_address()):
        with front.client(address) as client:
            assert [shown(client, number) for number in range(FAILURES_MAX + 1)] == UNTIL_TOO_OFTEN


@DOORS
@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-host"])
def test_a_client_that_says_it_is_somebody_else_is_still_itself(front: Front, shown: Any, header: str) -> None:
    with front.client(fresh_address()) as client:
        said = [shown(client, n, **{header: f"203.0.113.{n}"}) for n in range(FAILURES_MAX + 1)]
    assert said == UNTIL_TOO_OFTEN


@DOORS
def test_nobody_can_use_up_what_belongs_to_another_address(front: Front, shown: Any) -> None:
    victim = fresh_address()
    with front.client(fresh_address()) as client:
        for number in range(FAILURES_MAX + 1):
            shown(client, number, **{"x-forwarded-for": victim})
    with front.client(victim) as client:
        assert shown(client, 0) == 401


@DOORS
def test_who_goes_around_the_proxy_is_not_believed(production: Installation, shown: Any) -> None:
    transport = httpx.HTTPTransport(local_address=fresh_address())
    with httpx.Client(transport=transport, base_url=f"http://localhost:{production.port}") as client:
        said = [shown(client, n, **{"x-forwarded-for": f"203.0.113.{n}"}) for n in range(FAILURES_MAX + 1)]
    assert said == UNTIL_TOO_OFTEN


# Limits


def pieces(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b" " * 1024 * 1024


@pytest.mark.parametrize("is_told", [True, False], ids=["with its length", "without"])
def test_a_request_that_is_too_large_is_told_so_in_fhir(front: Front, production: Installation, is_told: bool) -> None:
    words = ["--role", "doctor", "--practitioner", "made-up", "--purpose", "TREAT", "--minutes", "5"]
    bearer = {"authorization": f"Bearer {ticket(production, *words, '--for', 'machines')}"}
    length = {"content-length": str(33 * 1024 * 1024)} if is_told else {}
    with front.client() as client:
        headers = {**bearer, "content-type": "application/fhir+json", **length}
        answer = client.post("/fhir", content=pieces(33), headers=headers)
        assert (answer.status_code, code_of(answer)) == (413, "body-too-large")
        assert answer.headers["content-type"] == "application/fhir+json"


def test_a_form_that_is_too_large_is_told_so(front: Front) -> None:
    with front.client() as client:
        answer = client.post("/enter", content=b"x" * 70_000, headers=OWN_PAGE)
    assert (answer.status_code, "too large" in answer.text) == (413, True)


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
