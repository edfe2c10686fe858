"""A program of another house as SMART Backend Services has it: a key of its own, and tokens that it renews in time.

https://hl7.org/fhir/smart-app-launch/backend-services.html
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

TIANFU = str(Path(sys.executable).with_name("tianfu"))

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS = 240
RENEW_SECONDS = 60
"""A token that is over so soon is renewed before it is shown."""

EVERYTHING = ("system/*.cruds",)
ORGANISATION = "made-up-house"


class Program(httpx.Auth):
    """A registered program: `headers()` for any client, or itself as the `auth` of a client of httpx.

    `address` is where the installation answers, without a slash at its end; `purpose` goes into every request, because
    a role with several must say which.  Where no token is given, `httpx.HTTPStatusError` says what was answered.
    """

    requires_response_body = True  # of httpx: the answers to its own requests are read before they come back here

    def __init__(self, address: str, client: str, key: ECKey, *, scopes: tuple[str, ...], purpose: str) -> None:
        self.address = address
        self.client_id = client
        self.key = key
        self._scopes = scopes
        self._purpose = purpose
        self._endpoint = ""
        self._token = ""
        self._renew_at = 0.0
        self._lock = threading.Lock()

    @classmethod
    def registered(
        cls,
        environment: Mapping[str, str],
        address: str,
        *,
        role: str = "desk",
        scopes: tuple[str, ...] = EVERYTHING,
        organisation: str = ORGANISATION,
        purpose: str = "TREAT",
    ) -> Program:
        """A program that the command line registered just now, in the installation of these settings.

        The role `desk` sees everything, and is there in development alone.
        """
        key = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True)
        public = json.dumps({"keys": [key.as_dict(private=False)]})
        command = [TIANFU, "client", "add", "--kind", "backend", "--name", "Made-up program", "--role", role]
        command += ["--organisation", organisation, "--keys", "/dev/stdin"]
        command += [word for scope in scopes for word in ("--scope", scope)]
        done = subprocess.run(command, env=dict(environment), input=public, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"the program could not be registered: {done.stderr}")
        client = done.stdout.strip().removeprefix("client_id=")
        return cls(address, client, key, scopes=scopes, purpose=purpose)

    def headers(self) -> dict[str, str]:
        """The headers of a request that is sent now; asks for a token if there is none that lasts."""
        with self._lock:
            if self._is_due():
                self._renew()
            return {"authorization": f"Bearer {self._token}", "purpose-of-use": self._purpose}

    def client(self, **more: Any) -> httpx.Client:
        """A client whose every request this program sends; `more` is as httpx takes it."""
        return httpx.Client(**{"base_url": self.address, "auth": self, **more})

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        """As httpx calls it for each request, with a client that waits or one that does not."""
        yield from self._renewal()
        request.headers["authorization"] = f"Bearer {self._token}"
        request.headers.setdefault("purpose-of-use", self._purpose)
        yield request

    def forget_token(self) -> None:
        """Ask for a new token before the next request."""
        self._renew_at = 0.0

    def assertion(self, **changes: object) -> str:
        """What the program signs to say who it is, good once; `changes` are claims in the place of the right ones."""
        now = int(time.time())
        claims: dict[str, object] = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self._endpoint,
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
            "jti": str(uuid4()),
        }
        header = {"alg": "ES384", "typ": "JWT", "kid": str(self.key.kid)}
        return jwt.encode(header, {**claims, **changes}, self.key, algorithms=["ES384"])

    def _is_due(self) -> bool:
        return time.monotonic() >= self._renew_at

    def _renew(self) -> None:
        with httpx.Client(timeout=30) as client:
            steps = self._renewal()
            request = next(steps, None)
            while request is not None:
                try:
                    request = steps.send(client.send(request))
                except StopIteration:
                    return

    def _renewal(self) -> Generator[httpx.Request, httpx.Response]:
        """The requests for a new token, if it is time for one."""
        if not self._is_due():
            return
        if not self._endpoint:
            answer = yield httpx.Request("GET", f"{self.address}/fhir/.well-known/smart-configuration")
            self._endpoint = _said(answer)["token_endpoint"]
        form = {
            "grant_type": "client_credentials",
            "scope": " ".join(self._scopes),
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.assertion(),
        }
        # Asked where the installation answers here, which need not be where the rest of the world finds it.
        token_at = f"{self.address}{urlsplit(self._endpoint).path}"
        given = _said((yield httpx.Request("POST", token_at, data=form)))
        self._token = given["access_token"]
        self._renew_at = time.monotonic() + given["expires_in"] - RENEW_SECONDS


def _said(answer: httpx.Response) -> dict[str, Any]:
    if answer.status_code != httpx.codes.OK:
        said = f"{answer.request.url.path} answers {answer.status_code}: {answer.text[:300]}"
        raise httpx.HTTPStatusError(said, request=answer.request, response=answer)
    document: dict[str, Any] = answer.json()
    return document
