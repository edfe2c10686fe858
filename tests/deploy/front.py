"""A real nginx with the configuration that we hand out, on free ports of the loopback address."""

from __future__ import annotations

import itertools
import os
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.supervision.installation import free_port, wait_until

NAME = "health.example"
CONFIGURATION = Path(__file__).resolve().parents[2] / "deploy" / "nginx" / "tianfu.conf"
NGINX = "/usr/sbin/nginx"
LAST = "127.0.2."
"""How the addresses begin from which the log is asked for."""

MAIN = """\
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
{user}
events {{ worker_connections 256; }}
http {{
    client_body_temp_path {folder}/client_body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    # As Debian's own file has it, which ours is included by.
    ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;
    ssl_prefer_server_ciphers on;
    gzip on;
    access_log {folder}/debian.log;
    include {folder}/tianfu.conf;
}}
"""


class Front:
    """One nginx: where it listens, and how to ask it as somebody with an address of one's own."""

    def __init__(self, folder: Path, http: int, https: int, certificate: Path) -> None:
        self.folder, self.http, self.https, self.certificate = folder, http, https, certificate
        self._numbers = itertools.count(1)

    def trusting(self) -> ssl.SSLContext:
        """What a client needs to believe the made-up certificate."""
        return ssl.create_default_context(cafile=str(self.certificate))

    @contextmanager
    def client(
        self, address: str = "127.0.0.1", *, name: str = NAME, headers: Mapping[str, str] | None = None
    ) -> Iterator[httpx.Client]:
        """A client over TLS that comes from this address and sends these headers with every request."""
        transport = httpx.HTTPTransport(verify=self.trusting(), local_address=address)
        headers = {"host": f"{name}:{self.https}", **(headers or {})}
        with httpx.Client(transport=transport, base_url=f"https://127.0.0.1:{self.https}", headers=headers) as client:
            client.event_hooks = {"request": [lambda request: request.extensions.update(sni_hostname=name)]}
            yield client

    def get_in_clear(self, path: str, *, name: str = NAME) -> httpx.Response:
        """A request over plain HTTP."""
        return httpx.get(f"http://127.0.0.1:{self.http}{path}", headers={"host": name})

    def log(self) -> str:
        """Everything that nginx wrote down of what was asked before.

        It writes a line after it has answered: so a last request, from an address of its own, is waited for, whose
        line comes after theirs since there is one worker.
        """
        last = f"{LAST}{next(self._numbers)}"
        with self.client(last) as client:
            client.get("/healthz")
        wait_until(lambda: f" {last} " in self._written(), seconds=10)
        return "".join(line for line in self._written().splitlines(keepends=True) if f" {LAST}" not in line)

    def _written(self) -> str:
        return "".join(file.read_text("utf-8") for file in sorted(self.folder.glob("*.log")))


def certificate_for(name: str, folder: Path) -> Path:
    """A certificate that signs itself, with its key beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *private))
    return file


def as_handed_out(folder: Path, *, http: int, https: int, behind: int) -> str:
    """The configuration with other ports and folders, and nothing else changed."""
    text = "".join(
        line for line in CONFIGURATION.read_text("utf-8").splitlines(keepends=True) if "listen [::]:" not in line
    )
    for old, new in (
        ("listen 80", f"listen 127.0.0.1:{http}"),
        ("listen 443", f"listen 127.0.0.1:{https}"),
        ("server 127.0.0.1:8000;", f"server 127.0.0.1:{behind};"),
        ("/etc/tianfu/tls/", f"{folder}/"),
        ("/var/log/nginx/", f"{folder}/"),
    ):
        assert old in text
        text = text.replace(old, new)
    return text


@contextmanager
def nginx(folder: Path, *, behind: int, instead: tuple[str, str] = ("", "")) -> Iterator[Front]:
    """nginx in front of this port; `instead` puts other words into the configuration."""
    front = Front(folder, free_port(), free_port(), certificate_for(NAME, folder))
    text = as_handed_out(folder, http=front.http, https=front.https, behind=behind)
    assert instead[0] in text
    (folder / "tianfu.conf").write_text(text.replace(*instead) if instead[0] else text, "utf-8")
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user), "utf-8")
    command = [NGINX, "-c", str(folder / "nginx.conf"), "-p", str(folder)]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "warn" not in checked.stderr
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: (folder / "nginx.pid").exists())
        wait_until(lambda: _listens(front))
        yield front
    finally:
        process.terminate()
        process.wait(20)


def _listens(front: Front) -> bool:
    try:
        return front.get_in_clear("/").status_code == 301
    except httpx.TransportError:
        return False
