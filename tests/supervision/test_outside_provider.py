"""One installation signs people in for another: two servers, each with its own database, keys and cookies."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from tests.supervision.installation import Installation, wait_until

from tianfu.db import EmbeddedPostgres

HERE_NUMBER, THERE_NUMBER, STRANGER = "13800001234", "13900005678", "13700009012"
_HIDDEN = re.compile(r'<input type="hidden" name="([a-z]+)" value="([^"]*)"')


class House(Installation):
    """An installation that its browsers call by one address."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.address = f"http://localhost:{self.port}"
        self.environment |= {"TIANFU_ADDRESS": self.address, "TIANFU_WORKERS": "1"}

    def codes(self, number: str) -> list[str]:
        """The codes that went to a telephone so far."""
        return re.findall(rf"ends in {number[-4:]}: ([0-9]{{6}})", self.log.read_text("utf-8"))


@dataclass
class Browser:
    """A browser that goes from one house to the other and back; cookies of each by themselves, as for two names."""

    clients: dict[str, httpx.Client] = field(default_factory=dict)

    def get(self, address: str) -> httpx.Response:
        return self._followed(self._sent("GET", address, "none"))

    def post(self, address: str, **fields: str) -> httpx.Response:
        return self._followed(self._sent("POST", address, "same-origin", fields))

    def _sent(self, method: str, address: str, site: str, fields: dict[str, str] | None = None) -> httpx.Response:
        client = self.clients.setdefault(urlsplit(address).netloc, httpx.Client(timeout=20))
        headers = {"sec-fetch-site": site, "accept-language": "en"}
        return client.request(method, address, data=fields, headers=headers)

    def _followed(self, answer: httpx.Response) -> httpx.Response:
        for _ in range(10):
            _, _, onward = answer.headers.get("refresh", "").partition("; url=")
            onward = onward or answer.headers.get("location", "")
            if not onward:
                return answer
            address = urljoin(str(answer.url), onward)
            is_same = urlsplit(address).netloc == answer.url.netloc.decode()
            answer = self._sent("GET", address, "same-origin" if is_same else "cross-site")
        raise AssertionError("a circle")

    def signs_in(self, house: House, number: str, page: httpx.Response) -> httpx.Response:
        """Sign a resident in on the page to sign in that a house shows."""
        before = len(house.codes(number))
        onward = dict(_HIDDEN.findall(page.text))["next"].replace("&amp;", "&")
        step = self.post(f"{house.address}/sign-in/telephone", number=number, next=onward)
        wait_until(lambda: len(house.codes(number)) > before)
        hidden = {name: value.replace("&amp;", "&") for name, value in _HIDDEN.findall(step.text)}
        answer = self.post(f"{house.address}/sign-in/code", **hidden, code=house.codes(number)[-1])
        if "/sign-in/whose/new" not in answer.text:
            return answer
        whose = {name: dict(_HIDDEN.findall(answer.text))[name].replace("&amp;", "&") for name in ("step", "next")}
        return self.post(f"{house.address}/sign-in/whose/new", **whose)

    def lets_in(self, house: House, page: httpx.Response, decision: str = "permit") -> httpx.Response:
        """Answer the page that asks whether the other house may know who one is."""
        assert "Made-up county" in page.text
        request = dict(_HIDDEN.findall(page.text))["request"]
        return self.post(f"{house.address}/oauth/authorize/answer", request=request, decision=decision)

    def close(self) -> None:
        for each in self.clients.values():
            each.close()


def make_provider(here: House, there: House) -> None:
    """Register one house with another, by which people may then come in."""
    key = here.home / "provider-key.json"
    public = here.run("client", "key", str(key), "--algorithm", "ES256")
    assert public.returncode == 0, public.stderr
    (there.home / "public.json").write_text(public.stdout)
    command = ["client", "add", "--kind", "asymmetric", "--name", "Made-up county", "--scope", "openid"]
    command += ["--redirect", f"{here.address}/sign-in/outside/province", "--keys", str(there.home / "public.json")]
    registered = there.run(*command)
    assert registered.returncode == 0, registered.stderr
    provider = {
        "key": "province",
        "names": {"zh-CN": "示例省", "en": "Made-up province"},
        "issuer": there.address,
        "client": registered.stdout.strip().removeprefix("client_id="),
        "key_file": str(key),
        "scopes": ["openid"],
        "is_enough_for_staff": False,
    }
    file = here.home / "providers.json"
    file.write_text(json.dumps({"version": 1, "providers": [provider]}))
    here.environment["TIANFU_PROVIDERS_FILE"] = str(file)


@pytest.fixture
def houses(short_folder: Path) -> Iterator[tuple[House, House]]:
    """The one where people sign in, and the one that is their provider, which has registered the first."""
    here, there = House(short_folder / "a"), House(short_folder / "b")
    for each in (here, there):
        each.home.mkdir()
        done = each.run("migrate")
        assert done.returncode == 0, done.stderr
    make_provider(here, there)
    try:
        for each in (here, there):
            each.serve()
        yield here, there
    finally:
        for each in (here, there):
            if each.process is not None and each.process.poll() is None:
                each.stop(signal.SIGTERM)
            EmbeddedPostgres(each.home).stop()


def test_people_of_one_house_sign_in_by_another(houses: tuple[House, House]) -> None:
    """One test, because two servers take seconds to start."""
    here, there = houses
    first, second = Browser(), Browser()

    # Nobody is linked: the provider's answer opens nothing, and says how to go on.
    to_there = first.post(f"{here.address}/sign-in/outside", provider="province", next="/account")
    assert to_there.url.port == there.port
    asks = first.signs_in(there, THERE_NUMBER, to_there)
    told = first.lets_in(there, asks)
    assert (told.url.port, told.status_code) == (here.port, 403)
    assert "No account is linked" in told.text

    # He signs in the usual way and links; the provider still knows him.
    account = first.signs_in(here, HERE_NUMBER, first.get(f"{here.address}/sign-in?next=/account"))
    assert "My account" in account.text
    asks = first.post(f"{here.address}/account/outside/link", provider="province")
    linked = first.lets_in(there, asks)
    assert linked.url.path == "/account"
    assert "Linked." in linked.text

    # A browser in which the provider alone knows him comes in by it, to where he wanted to go.
    second.clients[f"localhost:{there.port}"] = first.clients[f"localhost:{there.port}"]
    asks = second.post(f"{here.address}/sign-in/outside", provider="province", next="/account?done=ended")
    entered = second.lets_in(there, asks)
    assert (entered.url.port, entered.url.path) == (here.port, "/account")
    assert "another provider" in entered.text
    assert HERE_NUMBER[-4:] in entered.text

    # Whoever says no there is told so here; somebody else there is nobody here.
    third = Browser()
    to_there = third.post(f"{here.address}/sign-in/outside", provider="province", next="/")
    denied = third.lets_in(there, third.signs_in(there, STRANGER, to_there), "deny")
    assert (denied.url.port, denied.status_code) == (here.port, 403)
    assert "did not agree" in denied.text
    again = third.post(f"{here.address}/sign-in/outside", provider="province", next="/")
    assert "No account is linked" in third.lets_in(there, again).text

    # A provider that is gone is met by the browser alone, and keeps nobody from the usual way.
    there.stop(signal.SIGTERM)
    with pytest.raises(httpx.ConnectError):
        third.post(f"{here.address}/sign-in/outside", provider="province", next="/")
    usual = third.signs_in(here, STRANGER, third.get(f"{here.address}/sign-in?next=/account"))
    assert "My account" in usual.text
    for each in (first, second, third):
        each.close()
