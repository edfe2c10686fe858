"""`tianfu serve` with Janus: begun by us with the ports that are set, back when it dies, gone when we are."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from tests.services.realtime.janus_running import own_addresses
from tests.supervision.installation import Installation, wait_until
from tests.supervision.test_media import life_of, next_life
from tests.supervision.test_readiness import refused

from tianfu.installation import janus_folder
from tianfu.services.realtime.janus.configuration import write_configuration
from tianfu.settings import settings_from

PORTS = "24100-24199"


@pytest.fixture
def with_janus(installation: Installation) -> Installation:
    installation.environment |= {
        "TIANFU_MEDIA_SERVER": "janus",
        "TIANFU_MEDIA_ADDRESSES": " ".join(own_addresses()),
        "TIANFU_MEDIA_PORTS": PORTS,
    }
    return installation


def januses_of(installation: Installation) -> list[int]:
    folder = janus_folder(settings_from(installation.environment))
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            with suppress(OSError):
                words = (each / "cmdline").read_bytes().split(b"\0")
                if words[0].endswith(b"janus") and f"--configs-folder={folder}".encode() in words:
                    found.append(int(each.name))
    return found


def test_janus_is_begun_with_our_ports_and_is_back_when_it_dies(with_janus: Installation) -> None:
    with_janus.serve()
    wait_until(lambda: bool(life_of(with_janus)))
    [janus] = januses_of(with_janus)
    folder = janus_folder(settings_from(with_janus.environment))
    said = (folder / "janus.jcfg").read_text("ascii")
    assert f'rtp_port_range = "{PORTS}"' in said
    assert ",".join(own_addresses()) in said
    life = life_of(with_janus)
    os.kill(janus, signal.SIGKILL)
    next_life(with_janus, life)
    assert with_janus.answers()
    assert with_janus.stop() == 0
    wait_until(lambda: not januses_of(with_janus))


def test_it_ends_with_a_supervisor_that_is_killed(with_janus: Installation) -> None:
    with_janus.serve()
    wait_until(lambda: bool(life_of(with_janus)))
    with_janus.stop(signal.SIGKILL)
    wait_until(lambda: not januses_of(with_janus))


def test_ones_own_janus_is_only_spoken_to(installation: Installation, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    installation.environment["TIANFU_MEDIA_SERVER"] = str(folder)
    assert refused(installation, "serve").startswith("janus-folder-unusable")
    write_configuration(folder, addresses=",".join(own_addresses()), ports=PORTS)
    installation.serve()
    assert januses_of(installation) == []
    assert life_of(installation) == "", "nobody began it"
    assert installation.stop() == 0


def test_what_janus_lacks_is_said_at_the_start(with_janus: Installation, tmp_path: Path) -> None:
    with_janus.environment["TIANFU_MEDIA_ADDRESSES"] = "127.0.0.1"
    assert refused(with_janus, "serve").startswith("janus-needs-address")
    with_janus.environment["PATH"] = str(tmp_path)
    assert refused(with_janus, "serve") == "janus-missing"
    with_janus.environment["TIANFU_MEDIA_SERVER"] = "another"
    assert refused(with_janus, "serve") == "setting-invalid"
