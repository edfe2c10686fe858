"""Everything that can be set from outside, in one value, and what each setting means.

`DESCRIBED` is where a setting is described; `scripts/write_settings_page.py` makes docs/reference/settings.md of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import urlsplit

from tianfu.kernel.refusal import Refusal

PORT = 8000

Mode = Literal["development", "production"]
MODES: tuple[Mode, ...] = ("development", "production")
CipherName = Literal["sm4", "aes"]
CIPHERS: tuple[CipherName, ...] = ("sm4", "aes")
MediaServer = Literal["embedded", "janus"]
MEDIA_SERVERS: tuple[MediaServer, ...] = ("embedded", "janus")
Network = IPv4Network | IPv6Network
Reader = Literal["program", "development", "itself"]

Value = TypeVar("Value", bound=str)

_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9][A-Za-z0-9.-]{0,252}|\[[0-9a-f:]+\])(:(?P<port>[0-9]{1,5}))?\Z"
)
_PORTS = re.compile(r"([0-9]{4,5})-([0-9]{4,5})\Z")
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9]([A-Za-z0-9-]{0,62}))*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What an operator reads about one setting; `form`, `default`, `production` and `meaning` are Markdown.

    `production` says what production asks of it: empty if nothing.  `read_by` says where on the page it stands.
    """

    name: str
    form: str
    default: str
    meaning: str
    production: str = ""
    read_by: Reader = "program"


DESCRIBED: tuple[Description, ...] = (
    Description(
        name="TIANFU_HOME",
        form="a folder",
        default="`.tianfu` in the working directory",
        meaning="Folder of everything that must outlive the program: the embedded database, secrets, keys.",
        production="set it",
    ),
    Description(
        name="TIANFU_MODE",
        form="`development` or `production`",
        default="`development`",
        meaning="`development`: made-up people and the role `desk`, which sees everything, may sign in. "
        "`production`: neither is let in, cookies travel over "
        "HTTPS only, and `tianfu serve` refuses [what has no place there](hardening.md#what-production-refuses).",
        production="must be `production`",
    ),
    Description(
        name="TIANFU_HOSTS",
        form="host names, divided by spaces, without port",
        default="none",
        meaning="Names by which this installation is called besides `localhost`, `127.0.0.1` and `[::1]`; a request "
        "for any other name is refused with `host-not-ours`.",
        production="must be set",
    ),
    Description(
        name="TIANFU_ADDRESS",
        form="`https://` and a host name, with a port if need be, and nothing behind it",
        default="`http://localhost:` and the port; in production none",
        meaning="The one address by which people and programs call this installation. Programs sign in there, and "
        "tokens name it as their issuer: once programs are registered, a change of it ends every token. Passkeys are "
        "bound to its host: at another one nobody can use those that were set up, and at a number instead of a name "
        "nobody can set one up. In development `http://` and a name of this machine will do. Its host must "
        "be one of `TIANFU_HOSTS`. See [Register a program](../how-to/register-a-program.md).",
        production="must be set, with `https://`",
    ),
    Description(
        name="TIANFU_TRUSTED_PROXIES",
        form="addresses or networks, divided by spaces",
        default="none",
        meaning="Reverse proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. The last address of the "
        "list that is no proxy's is the client, whose [limits](limits.md) count; these headers from anybody else are "
        "passed over. Without it all who come through a proxy share one caller's limits. Refused in development.",
        production="set it to the proxy's address, for example `127.0.0.1`",
    ),
    Description(
        name="TIANFU_HOST",
        form="an address or `localhost`",
        default="`127.0.0.1`",
        meaning="Address to listen on; anything but a loopback address is refused with `loopback-only`, because this "
        "server speaks no TLS: a reverse proxy on the same machine does.",
    ),
    Description(
        name="TIANFU_PORT",
        form="1 to 65535",
        default="`8000`",
        meaning="Port to listen on.",
    ),
    Description(
        name="TIANFU_WORKERS",
        form="1 to 256",
        default="number of processors this program may use",
        meaning="Web worker processes.",
    ),
    Description(
        name="TIANFU_HEAVY_MEMORY_MB",
        form="1024 to 1048576",
        default="`6144`",
        meaning="How much memory either worker, that of heavy computations and that which takes cases in, may hold, in "
        "MiB; a work that wants more is refused with `work-too-large`, and nothing else suffers.",
    ),
    Description(
        name="TIANFU_DATABASE_URL",
        form="a connection string of libpq",
        default="none",
        meaning="Connection string of a PostgreSQL from 15 on, with a login that may create roles and a schema; "
        "without it the embedded server is used.",
        production="with `sslmode=verify-full` when the server is another machine",
    ),
    Description(
        name="TIANFU_DATABASE_SECRET_FILE",
        form="a file",
        default="`database-secret` in the home",
        meaning="File with the secret from which the passwords of the four database roles are derived; used with "
        "`TIANFU_DATABASE_URL` and shared by all machines of an installation. Made at first use; must be readable by "
        "its owner alone.",
    ),
    Description(
        name="TIANFU_CIPHER",
        form="`sm4` or `aes`",
        default="`sm4`",
        meaning="How new data keys seal protected elements: SM4-GCM or AES-256-GCM; takes effect with the next "
        "`tianfu keys rotate`, and what an older key sealed still opens.",
    ),
    Description(
        name="TIANFU_LIMITS_FILE",
        form="a JSON file",
        default="ours",
        meaning="[Limits](limits.md) of how often a caller asks and how many works are open, in the place of ours.",
    ),
    Description(
        name="TIANFU_PROVIDERS_FILE",
        form="a JSON file",
        default="none",
        meaning="[Outside providers](providers.md) by which people may sign in besides.",
    ),
    Description(
        name="TIANFU_INNER_NETWORKS",
        form="addresses or networks, divided by spaces",
        default="none",
        meaning="Networks of your own in which keys of programs (`tianfu client add --keys-at`) and outside providers "
        "may lie. In production they are fetched from the internet and from these networks, and from no other private "
        "address, so that nobody has this server ask others of yours. Development fetches from everywhere. See "
        "[Let the service reach others](../how-to/deploy.md#let-the-service-reach-others).",
    ),
    Description(
        name="TIANFU_CODES_ADDRESS",
        form="an address that begins with `https://`",
        default="none",
        meaning="Where one-time codes are posted, for a provider that sends them to telephones: "
        '`{"to": "+86…", "code": "…"}`, with a bearer token. An address of this machine may begin with `http://`. '
        "Without it codes are written where the server runs, and production refuses that with `code-sender-missing`.",
        production="must be set, and be in the service's `IPAddressAllow`",
    ),
    Description(
        name="TIANFU_CODES_SECRET_FILE",
        form="a file",
        default="`codes-secret` in the home",
        meaning="File with the provider's token; used with `TIANFU_CODES_ADDRESS`. Must be readable by its owner "
        "alone, else it is refused with `secret-open-to-others`.",
        production="put it in place",
    ),
    Description(
        name="TIANFU_NOTICES_ADDRESS",
        form="an address that begins with `https://`",
        default="none",
        meaning="Where reminders of booked visits are posted, for a provider that sends them to telephones: "
        '`{"to": "+86…", "text": "…"}`, with a bearer token. A reminder names nobody and no time. An address of this '
        "machine may begin with `http://`. Without it reminders are written where the server runs, and production "
        "refuses that with `notice-carrier-missing`.",
        production="must be set, and be in the service's `IPAddressAllow`",
    ),
    Description(
        name="TIANFU_NOTICES_SECRET_FILE",
        form="a file",
        default="that of codes where both go to one provider, else `notices-secret` in the data folder",
        meaning="File with the provider's token; used with `TIANFU_NOTICES_ADDRESS`. No other provider is told the "
        "token of codes: who had it could send codes in our name. Must be readable by its owner "
        "alone, else it is refused with `secret-open-to-others`.",
        production="set it where another provider carries reminders than codes",
    ),
    Description(
        name="TIANFU_MEDIA_ADDRESSES",
        form="addresses of this machine, divided by spaces",
        default="`127.0.0.1`",
        meaning="Addresses over which live pictures leave and arrive (UDP, a free port for each connection). At "
        "`127.0.0.1` only this machine is reached: its own browsers, and a relay that stands on it. See "
        "[Who comes into a live room](../rules/live-rooms.md).",
        production="set it, or have a relay on the same machine",
    ),
    Description(
        name="TIANFU_MEDIA_PORTS",
        form="two numbers with a dash, from 1024 to 65535",
        default="none: any free port",
        meaning="The UDP ports of live pictures, such as `20000-21999`, both ends included: what a firewall must let "
        "through to `TIANFU_MEDIA_ADDRESSES`. A connection takes one port on each address; somebody's voice takes one "
        "more with Janus. Who comes when all are taken is refused with `media-ports-exhausted`. Janus started by this "
        "program takes it, too, and `10000-60000` without it. The relay's own ports are in its own configuration.",
        production="set it where a firewall stands between families and this machine",
    ),
    Description(
        name="TIANFU_MEDIA_SERVER",
        form="`embedded`, `janus`, or a folder",
        default="`embedded`",
        meaning="What forwards live pictures. `embedded`: our own forwarder. `janus`: Debian's Janus, started and "
        "ended with this program. A folder, such as `/run/tianfu-janus`: a Janus that you start yourself from a "
        "configuration that our program wrote there (`deploy/tianfu-janus.service`). What Janus does not do stands in "
        "[decision 0016](../decisions/0016-janus.md): no smaller picture, no stills, no cameras with an address, and a "
        "curtain that is acknowledged later. Refused at the start: `janus-missing`, `janus-needs-address`, "
        "`janus-folder-unusable`.",
    ),
    Description(
        name="TIANFU_TURN_ADDRESSES",
        form="`turn:` or `turns:` addresses, divided by spaces",
        default="none",
        meaning="Relays for live pictures, such as `turns:turn.example:443?transport=tcp`, for people whose network "
        "lets nothing else through: coturn with `use-auth-secret`. Who is in a visit gets a user name and a password "
        "that are good until five minutes after its slot. Without it nobody is told of a relay.",
    ),
    Description(
        name="TIANFU_TURN_SECRET_FILE",
        form="a file",
        default="`turn-secret` in the home",
        meaning="File with the secret that the relay knows too (`static-auth-secret`), at least 16 letters; used with "
        "`TIANFU_TURN_ADDRESSES`. Must be readable by its owner alone, else it is refused with "
        "`secret-open-to-others`.",
    ),
    Description(
        name="TIANFU_AUDIT_ROOTS",
        form="a folder, or `s3://bucket/prefix`",
        default="`audit/roots` in the home",
        meaning="Where signed roots of the audit trail go; for `s3://` with credentials from the environment; see "
        "[Verify the audit trail](../how-to/verify-the-audit-trail.md).",
        production="set it to another machine",
    ),
    Description(
        name="TIANFU_DOCUMENTS",
        form="a folder, or `s3://bucket/prefix`",
        default="`documents` in the home",
        meaning="Where documents lie, sealed: images, plans and whatever else is too large for the database. All "
        "machines of an installation name the same place; for `s3://` with credentials from the environment. A folder "
        "is part of `tianfu backup`; a bucket is not, and is kept by its owner's means; see "
        "[Back up and restore](../how-to/back-up-and-restore.md#documents).",
    ),
    Description(
        name="TIANFU_AUDIT_DATABASE_URL",
        form="a connection string of libpq",
        default="none",
        meaning="Read by `tianfu-audit-verify` alone: the database, with a role that may read the trail.",
    ),
    Description(
        name="TIANFU_DEMO_RESIDENTS",
        form="a number",
        default="`2000`",
        meaning="How many residents `make run` puts into an empty database.",
        read_by="development",
    ),
    Description(
        name="TIANFU_DEMO_WARD",
        form="`on` or `off`",
        default="`on`",
        meaning="Whether `make run` puts a made-up ward of twelve newborns into an empty database, and starts twelve "
        "test cameras for its beds; each shows its bed's code and the time, and nothing that was before a lens.",
        read_by="development",
    ),
    Description(
        name="TIANFU_SHARED",
        form="a folder",
        default="`shared` beside the checkout",
        meaning="Folder with larger sample data; tests and benchmarks that use it say so and go on without it where it "
        "is missing.",
        read_by="development",
    ),
    Description(
        name="TIANFU_TEST_KILLS",
        form="a number",
        default="`15`",
        meaning="How often the test of kills kills.",
        read_by="development",
    ),
    Description(
        name="TIANFU_PARENT_PROCESS",
        form="the number of a process",
        default="none",
        meaning="Tells a child of `tianfu serve` whose child it is, so that it ends with it; not for people.",
        read_by="itself",
    ),
)
"""Every setting, in the order in which the page tells them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one installation; `address` is None where production was not told its own."""

    home: Path
    database_url: str | None
    database_secret_file: Path
    host: str
    port: int
    workers: int
    heavy_memory_mb: int
    audit_roots: str | None
    documents: str | None
    mode: Mode
    cipher: CipherName
    hosts: frozenset[str]
    address: str | None
    trusted_proxies: tuple[Network, ...]
    limits_file: Path | None
    providers_file: Path | None
    inner_networks: tuple[Network, ...]
    codes_address: str | None
    codes_secret_file: Path
    notices_address: str | None
    notices_secret_file: Path
    media_addresses: tuple[str, ...]
    media_ports: tuple[int, int] | None
    media_server: MediaServer
    janus_folder: Path | None
    turn_addresses: str
    turn_secret_file: Path

    @property
    def is_production(self) -> bool:
        """Whether nothing and nobody made for development is let in."""
        return self.mode == "production"


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Read the settings; a value that is no setting's value is refused, an absent one has its default."""
    home = Path(environment.get("TIANFU_HOME") or ".tianfu").absolute()
    if any(each.exists() and not each.is_dir() for each in (home, *home.parents)):
        raise Refusal("setting-invalid", next_step="correct-the-setting", details={"setting": "TIANFU_HOME"})
    codes_secret_file = Path(environment.get("TIANFU_CODES_SECRET_FILE") or home / "codes-secret")
    return Settings(
        home=home,
        database_url=environment.get("TIANFU_DATABASE_URL") or None,
        database_secret_file=Path(environment.get("TIANFU_DATABASE_SECRET_FILE") or home / "database-secret"),
        host=environment.get("TIANFU_HOST") or "127.0.0.1",
        port=_number(environment, "TIANFU_PORT", PORT, least=1, most=65_535),
        workers=_number(environment, "TIANFU_WORKERS", len(os.sched_getaffinity(0)), least=1, most=256),
        heavy_memory_mb=_number(environment, "TIANFU_HEAVY_MEMORY_MB", 6_144, least=1_024, most=1 << 20),
        audit_roots=environment.get("TIANFU_AUDIT_ROOTS") or None,
        documents=environment.get("TIANFU_DOCUMENTS") or None,
        mode=_chosen(environment, "TIANFU_MODE", MODES),
        cipher=_chosen(environment, "TIANFU_CIPHER", CIPHERS),
        hosts=_host_names(environment),
        address=_address(environment),
        trusted_proxies=_networks(environment, "TIANFU_TRUSTED_PROXIES"),
        limits_file=_file(environment, "TIANFU_LIMITS_FILE"),
        providers_file=_file(environment, "TIANFU_PROVIDERS_FILE"),
        inner_networks=_networks(environment, "TIANFU_INNER_NETWORKS"),
        codes_address=environment.get("TIANFU_CODES_ADDRESS") or None,
        codes_secret_file=codes_secret_file,
        notices_address=environment.get("TIANFU_NOTICES_ADDRESS") or None,
        notices_secret_file=_notices_secret_file(environment, home, codes_secret_file),
        media_addresses=_own_addresses(environment, "TIANFU_MEDIA_ADDRESSES"),
        media_ports=_ports(environment, "TIANFU_MEDIA_PORTS"),
        media_server=_media_server(environment)[0],
        janus_folder=_media_server(environment)[1],
        turn_addresses=environment.get("TIANFU_TURN_ADDRESSES", ""),
        turn_secret_file=Path(environment.get("TIANFU_TURN_SECRET_FILE") or home / "turn-secret"),
    )


def _notices_secret_file(environment: Mapping[str, str], home: Path, codes_secret_file: Path) -> Path:
    """The file with the token for notices: that of codes for the provider of codes alone, no other is told it."""
    if named := environment.get("TIANFU_NOTICES_SECRET_FILE"):
        return Path(named)
    notices, codes = (urlsplit(environment.get(f"TIANFU_{what}_ADDRESS", "")) for what in ("NOTICES", "CODES"))
    is_one = notices.netloc == codes.netloc
    return codes_secret_file if is_one else home / "notices-secret"


def _file(environment: Mapping[str, str], name: str) -> Path | None:
    """The file of a setting that may be absent."""
    text = environment.get(name)
    return Path(text) if text else None


def _chosen(environment: Mapping[str, str], name: str, values: tuple[Value, ...]) -> Value:
    """One of some words; the first one is the default."""
    text = environment.get(name) or values[0]
    for value in values:
        if value == text:
            return value
    details = {"setting": name, "choices": " ".join(values)}
    raise Refusal("setting-invalid", next_step="correct-the-setting", details=details)


def _host_names(environment: Mapping[str, str]) -> frozenset[str]:
    names = environment.get("TIANFU_HOSTS", "").split()
    if any(_HOST_NAME.match(name) is None for name in names):
        raise Refusal("setting-invalid", next_step="correct-the-setting", details={"setting": "TIANFU_HOSTS"})
    return frozenset(name.lower() for name in names)


def _address(environment: Mapping[str, str]) -> str | None:
    """The address by which the installation is called; only development knows one by itself."""
    address = environment.get("TIANFU_ADDRESS", "")
    if not address:
        port = _number(environment, "TIANFU_PORT", PORT, least=1, most=65_535)
        is_development = _chosen(environment, "TIANFU_MODE", MODES) == "development"
        return f"http://localhost:{port}" if is_development else None
    found = _ADDRESS.match(address)
    if found is None or not 1 <= int(found["port"] or 1) <= 65_535:
        raise Refusal("setting-invalid", next_step="correct-the-setting", details={"setting": "TIANFU_ADDRESS"})
    if found["scheme"] == "http" and found["host"].lower() not in _THIS_MACHINE:
        details = {"setting": "TIANFU_ADDRESS", "expected": "https://, or http:// and localhost, 127.0.0.1 or [::1]"}
        raise Refusal("address-not-safe", next_step="correct-the-setting", details=details)
    return address.lower()


def _networks(environment: Mapping[str, str], name: str) -> tuple[Network, ...]:
    """Addresses and networks; one of every address there is would believe everybody, and is refused."""
    try:
        networks = tuple(ip_network(text) for text in environment.get(name, "").split())
    except ValueError as error:
        raise Refusal("setting-invalid", next_step="correct-the-setting", details={"setting": name}) from error
    if any(network.prefixlen == 0 for network in networks):
        raise Refusal("setting-invalid", next_step="correct-the-setting", details={"setting": name})
    return networks


def _own_addresses(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Addresses of this machine; what is no address is refused."""
    try:
        return tuple(str(ip_address(text)) for text in (environment.get(name) or "127.0.0.1").split())
    except ValueError as error:
        raise Refusal("setting-invalid", next_step="correct-the-setting", details={"setting": name}) from error


def _ports(environment: Mapping[str, str], name: str) -> tuple[int, int] | None:
    """The first and the last port of a range."""
    text = environment.get(name, "")
    if not text:
        return None
    found = _PORTS.match(text)
    first, last = (int(found[1]), int(found[2])) if found is not None else (0, 0)
    if not 1_024 <= first <= last <= 65_535:
        details = {"setting": name, "least": "1024", "most": "65535", "expected": "first-last"}
        raise Refusal("setting-invalid", next_step="correct-the-setting", details=details)
    return first, last


def _media_server(environment: Mapping[str, str]) -> tuple[MediaServer, Path | None]:
    """Which media server, and the folder of a Janus that somebody else starts."""
    name = "TIANFU_MEDIA_SERVER"
    text = environment.get(name) or MEDIA_SERVERS[0]
    if text.startswith("/"):
        return "janus", Path(text)
    return _chosen({name: text}, name, MEDIA_SERVERS), None


def _number(environment: Mapping[str, str], name: str, default: int, *, least: int, most: int) -> int:
    text = environment.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        details = {"setting": name, "least": str(least), "most": str(most)}
        raise Refusal("setting-invalid", next_step="correct-the-setting", details=details)
    return int(text)
