"""Janus's configuration folder: one plugin, one transport, no place where anything could be recorded.

Only links to what is used lie in its folders of plugins and transports, so that Janus loads nothing else: neither a
plugin that records (recordplay, voicemail) nor one that can be given scripts (lua, duktape).

`python -m tianfu.services.realtime.janus.configuration FOLDER ADDRESSES PORTS` writes it.
"""

from __future__ import annotations

import secrets
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

DEBIAN_FOLDER = Path("/usr/lib/x86_64-linux-gnu/janus")
SECRETS = "secrets.json"
PLUGIN, TRANSPORT = "libjanus_videoroom.so", "libjanus_pfunix.so"

SESSION_SECONDS = 10
"""Janus ends a session of which it hears nothing for so long: less than a lease."""

_MAIN = """general: {{
\tconfigs_folder = "{folder}"
\tplugins_folder = "{folder}/plugins"
\ttransports_folder = "{folder}/transports"
\tevents_folder = "{folder}/none"
\tloggers_folder = "{folder}/none"
\tdebug_level = 3
\tdebug_timestamps = true
\tdebug_colors = false
\tapi_secret = "{api_secret}"
\tadmin_secret = "{admin_secret}"
\tsession_timeout = {session_seconds}
\treclaim_session_timeout = 0
\tcandidates_timeout = 20
\thide_dependencies = true
\tserver_name = "media"
\tprotected_folders = ["/"]
}}
media: {{
\trtp_port_range = "{ports}"
\tno_media_timer = 2
\tslowlink_threshold = 0
}}
nat: {{
\tfull_trickle = false
\tice_consent_freshness = true
\tice_enforce_list = "{addresses}"
}}
"""

_TRANSPORT = """general: {{
\tenabled = true
\tevents = false
\tjson = "compact"
\tpath = "{folder}/api"
\ttype = "SOCK_SEQPACKET"
}}
admin: {{
\tadmin_enabled = true
\tadmin_path = "{folder}/admin"
\tadmin_type = "SOCK_SEQPACKET"
}}
"""

_PLUGIN = """general: {
\tevents = false
\tstring_ids = false
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class JanusAddress:
    """Where Janus listens, and the two secrets that it wants to hear."""

    api: Path
    admin: Path
    api_secret: str
    admin_secret: str


def write_configuration(folder: Path, *, addresses: str, ports: str) -> JanusAddress:
    """Write a configuration with new secrets into a folder that nobody else may enter, and say where Janus listens.

    `addresses` are the addresses or interfaces over which pictures may come and go, with commas; `ports` is a range
    like `20000-21000`.  Start Janus with `janus --configs-folder=FOLDER`.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name, file in (("plugins", PLUGIN), ("transports", TRANSPORT)):
        (folder / name).mkdir(exist_ok=True)
        link = folder / name / file
        link.unlink(missing_ok=True)
        link.symlink_to(DEBIAN_FOLDER / name / file)
    (folder / "none").mkdir(exist_ok=True)
    drawn = {"api_secret": secrets.token_urlsafe(32), "admin_secret": secrets.token_urlsafe(32)}
    _write(folder / SECRETS, orjson.dumps(drawn).decode())
    address = read_address(folder)
    main = _MAIN.format(
        folder=folder,
        api_secret=address.api_secret,
        admin_secret=address.admin_secret,
        session_seconds=SESSION_SECONDS,
        ports=ports,
        addresses=addresses,
    )
    _write(folder / "janus.jcfg", main)
    _write(folder / "janus.transport.pfunix.jcfg", _TRANSPORT.format(folder=folder))
    _write(folder / "janus.plugin.videoroom.jcfg", _PLUGIN)
    return address


def command_of(folder: Path) -> Sequence[str]:
    """How Janus is started, in such a way that it can write no byte into any file."""
    return ("prlimit", "--fsize=0", "janus", f"--configs-folder={folder}")


def missing_of_janus() -> Sequence[str]:
    """What of it this machine lacks: programs and plugins, by name."""
    programs = [each for each in ("janus", "prlimit") if shutil.which(each) is None]
    files = [DEBIAN_FOLDER / "plugins" / PLUGIN, DEBIAN_FOLDER / "transports" / TRANSPORT]
    return [*programs, *(str(each) for each in files if not each.exists())]


def read_address(folder: Path) -> JanusAddress:
    """Where the Janus of a folder listens; raises OSError or ValueError if that is not written there."""
    drawn = orjson.loads((folder / SECRETS).read_bytes())
    return JanusAddress(api=folder / "api", admin=folder / "admin", **drawn)


def _write(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(text, "ascii")


if __name__ == "__main__":
    write_configuration(Path(sys.argv[1]), addresses=sys.argv[2], ports=sys.argv[3])
