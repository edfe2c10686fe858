"""A program keeps its keys at an address of its own: a running server fetches them from another process, or not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from tests.supervision.installation import Installation
from tests.supervision.test_programs import told
from tests.supervision.test_readiness import PRODUCTION, give_codes_secret

from tianfu.services.accounts.oauth.authentication import ASSERTION_TYPE
from tianfu.services.accounts.oauth.client_keys import FETCHES_APART_SECONDS
from tianfu.vault.files import make

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow  # everything here asks a whole running program


@dataclass
class KeyServer:
    """The program's own server, and the key that it signs with."""

    folder: Path
    process: subprocess.Popen[str]
    address: str
    key: ECKey

    def rotate(self, name: str) -> None:
        """From now on it signs with a new key, and shows that alone."""
        self.key = ECKey.generate_key("P-384", {"kid": name})
        public = {"keys": [self.key.as_dict(private=False)]}
        (self.folder / "keys.json").write_text(json.dumps(public))

    def answers(self, how: str) -> None:
        (self.folder / "answer").write_text(how)

    def asked(self) -> int:
        """How often it was asked so far."""
        file = self.folder / "asked"
        return len(file.read_text("utf-8").splitlines()) if file.exists() else 0


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[KeyServer]:
    command = [sys.executable, "-m", "tests.supervision.key_server", str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    address = f"http://127.0.0.1:{process.stdout.readline().strip()}/keys"
    made = KeyServer(tmp_path, process, address, ECKey.generate_key("P-384"))
    made.rotate("first")
    made.answers("keys")
    yield made
    process.kill()
    process.stdout.close()
    process.wait(10)


def registered(installation: Installation, address: str, role: str = "hospital-system") -> str:
    added = installation.run(
        "client", "add", "--kind", "backend", "--name", "Made-up laboratory", "--role", role,
        "--organisation", "made-up-house", "--keys-at", address, "--scope", "system/Patient.rs",
    )  # fmt: skip
    assert added.returncode == 0, added.stderr
    return added.stdout.strip().removeprefix("client_id=")


def asks(installation: Installation, client: str, key: ECKey) -> httpx.Response:
    """The program asks for a token."""
    issuer = installation.environment.get("TIANFU_ADDRESS", installation.address)
    token, now = f"{issuer}/oauth/token", int(time.time())
    claims = {"iss": client, "sub": client, "aud": token, "exp": now + 200, "jti": os.urandom(16).hex()}
    signed = jwt.encode({"alg": "ES384", "kid": key.kid}, claims, key, algorithms=["ES384"])
    form = {
        "grant_type": "client_credentials",
        "scope": "system/Patient.rs",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": signed,
    }
    host = {"host": issuer.partition("://")[2]}
    url = f"http://127.0.0.1:{installation.port}/oauth/token"
    return httpx.post(url, data=form, headers=host, timeout=30)


def is_refused(installation: Installation, client: str, key: ECKey, reason: str) -> float:
    """The program learns nothing but that it is not known, the trail why; in how many seconds."""
    began = time.monotonic()
    answer = asks(installation, client, key)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), answer.text
    assert ("program-token", "oauth-client-unknown") in told(installation, query=f"reason={reason}")
    return time.monotonic() - began


def test_keys_are_fetched_kept_and_fetched_anew_for_a_name_that_is_not_among_them(
    installation: Installation, keys: KeyServer
) -> None:
    installation.environment["TIANFU_WORKERS"] = "1"
    installation.serve()
    client = registered(installation, keys.address)
    for _ in range(3):
        assert asks(installation, client, keys.key).status_code == 200
    assert keys.asked() == 1
    keys.rotate("second")
    assert asks(installation, client, keys.key).status_code == 401  # a moment ago the set was as it was
    assert keys.asked() == 1
    time.sleep(FETCHES_APART_SECONDS)
    assert asks(installation, client, keys.key).status_code == 200
    assert keys.asked() == 2


def test_a_key_server_that_is_huge_slow_leading_on_or_gone_lets_nobody_in(
    installation: Installation, keys: KeyServer
) -> None:
    installation.environment["TIANFU_WORKERS"] = "1"
    installation.serve()
    inside = f"http://127.0.0.1:{installation.port}/oauth/jwks"
    for how, reason in (("huge", "keys-too-long"), (inside, "keys-status-302"), ("slow", "keys-TimeoutError")):
        keys.answers(how)
        client = registered(installation, f"{keys.address}/{reason}")
        before = keys.asked()
        assert is_refused(installation, client, keys.key, reason) < 10
        assert is_refused(installation, client, keys.key, reason) < 2  # and is not asked again at once
        assert keys.asked() == before + 1
    keys.process.kill()
    keys.process.wait(10)
    client = registered(installation, keys.address)
    is_refused(installation, client, keys.key, "keys-ConnectError")
    assert installation.answers()


def test_production_asks_our_own_network_for_keys_only_where_the_operator_says_so(
    short_folder: Path, keys: KeyServer
) -> None:
    installation = Installation(short_folder)
    installation.environment |= {**PRODUCTION, "TIANFU_WORKERS": "1"}
    make(installation.home, "production")
    give_codes_secret(installation.home)
    assert installation.run("migrate").returncode == 0
    try:
        installation.serve()
        client = registered(installation, keys.address)
        is_refused(installation, client, keys.key, "keys-address-inside")
        assert keys.asked() == 0
        assert installation.stop() == 0
        installation.environment["TIANFU_INNER_NETWORKS"] = "127.0.0.1 10.9.0.0/16"
        installation.serve()
        assert asks(installation, client, keys.key).status_code == 200
        assert keys.asked() == 1
    finally:
        if installation.process is not None and installation.process.poll() is None:
            installation.stop()
