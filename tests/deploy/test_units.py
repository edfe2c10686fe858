"""Units, settings and the command that we hand out fit systemd, the program and each other."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path

import pytest

from tianfu.apps.newborn.model.photo import PHOTO_BYTES_MAX
from tianfu.apps.radiotherapy.delivery_routes import SENT_BYTES_MAX
from tianfu.gateways.fhir.limits import ADDRESS_BYTES_MAX, BODY_BYTES_MAX, HEADER_BYTES_MAX, SILENCE_SECONDS_MAX
from tianfu.settings import DESCRIBED, PORT, settings_from
from tianfu.supervision.children import STOP_SECONDS
from tianfu.supervision.readiness import refuse_unready
from tianfu.supervision.web_workers import CONNECTIONS_MAX, FILES_BESIDES, HEADER_MILLISECONDS_MAX
from tianfu.vault.files import make
from tianfu.web.site import FORM_BYTES_MAX

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SERVICES = ("tianfu.service", "tianfu-backup.service")
UNITS = (*SERVICES, "tianfu-backup.timer")
PROGRAM = "/opt/tianfu/.venv/bin/tianfu"
EXPOSURE_TENTHS_MAX = 15
"""Of 100, as `systemd-analyze security` counts; today it says 14."""

POSTGRES_STOP_SECONDS = 120


def text_of(name: str) -> str:
    return (DEPLOY / name).read_text("utf-8")


def values(name: str) -> dict[str, list[str]]:
    """The lines of a unit, by name; a later section's stand behind an earlier one's."""
    found: dict[str, list[str]] = {}
    for line in text_of(name).splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def settings_handed_out() -> dict[str, str]:
    """`deploy/settings` as a shell reads it, and systemd too where values are no more than words in quotes."""
    lines = [line for line in text_of("settings").splitlines() if line and not line.startswith("#")]
    return dict(shlex.split(line)[0].split("=", 1) for line in lines)


@pytest.fixture
def units(tmp_path: Path) -> list[str]:
    """The units, with a program in them that is there."""
    for name in UNITS:
        (tmp_path / name).write_text(text_of(name).replace(PROGRAM, sys.executable))
    return [str(tmp_path / name) for name in UNITS]


def test_systemd_understands_every_line(units: list[str]) -> None:
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_line_that_systemd_does_not_know_is_noticed(units: list[str]) -> None:
    file = Path(units[0])
    file.write_text(file.read_text("utf-8").replace("ProtectHome=yes", "ProtectHouse=yes"), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", units[0]], capture_output=True, text=True, check=False)
    assert "ProtectHouse" in done.stderr


def test_what_lets_the_service_reach_others_adds_addresses_and_nothing_else(units: list[str]) -> None:
    service = Path(units[0])
    drop_in = service.with_name("tianfu.service.d") / "reach.conf"
    drop_in.parent.mkdir()
    drop_in.write_text(text_of("reach.conf"))
    done = subprocess.run(["systemd-analyze", "verify", str(service)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    said = values("reach.conf")
    assert set(said) == {"IPAddressAllow"}
    assert all(ip_network(each).num_addresses == 1 for each in said["IPAddressAllow"])  # and so never `any`
    # It adds to what the unit allows, and the unit still denies all else.
    assert values("tianfu.service")["IPAddressDeny"] == ["any"]
    drop_in.write_text(text_of("reach.conf") + "IPAddressAllowed=192.0.2.9\n")
    done = subprocess.run(["systemd-analyze", "verify", str(service)], capture_output=True, text=True, check=False)
    assert "IPAddressAllowed" in done.stderr


def test_the_guide_names_the_drop_in_and_where_it_goes() -> None:
    guide = (DEPLOY.parent / "docs/how-to/deploy.md").read_text("utf-8")
    assert "install -D -m 644 deploy/reach.conf /etc/systemd/system/tianfu.service.d/reach.conf" in guide
    assert "/etc/systemd/system/tianfu.service.d/reach.conf" in text_of("reach.conf")


@pytest.mark.parametrize("name", SERVICES)
def test_systemd_finds_little_that_a_service_could_still_do(name: str) -> None:
    limit = f"--threshold={EXPOSURE_TENTHS_MAX}"
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", limit, str(DEPLOY / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_backup_is_held_as_tightly_as_the_program() -> None:
    held = {
        key: value
        for key, value in values("tianfu.service").items()
        if re.match("NoNew|Capability|Ambient|Protect|Private|Device|Lock|Memory|Restrict|Key|System|IP|UMask", key)
    }
    assert len(held) >= 20
    backup = values("tianfu-backup.service")
    assert {key: backup.get(key) for key in held} == held


def test_every_setting_that_is_handed_out_is_one() -> None:
    named = {name for file in (*UNITS, "settings", "tianfu") for name in re.findall(r"TIANFU_[A-Z_]+", text_of(file))}
    assert {"TIANFU_MODE", "TIANFU_HOME"} <= named
    assert named <= {each.name for each in DESCRIBED}


def test_the_settings_that_are_handed_out_are_all_that_production_asks_for(tmp_path: Path) -> None:
    settings = settings_from({**settings_handed_out(), "TIANFU_HOME": str(tmp_path)})
    make(tmp_path, "production")
    settings.codes_secret_file.touch(mode=0o600)
    settings.codes_secret_file.write_text("made-up")
    refuse_unready(settings)
    assert settings.is_production
    assert settings.trusted_proxies


def test_services_and_command_share_program_settings_account_and_home() -> None:
    command = text_of("tianfu")
    assert subprocess.run(["sh", "-n", str(DEPLOY / "tianfu")], check=False).returncode == 0
    assert command.count(f"{PROGRAM} ") == 2
    assert "umask 077" in command
    for name in SERVICES:
        found = values(name)
        assert found["User"] == found["Group"] == ["tianfu"]
        assert "runuser -u tianfu --" in command
        assert f". {found['EnvironmentFile'][0]}" in command
        assert found["Environment"][0] in command
        assert PROGRAM in found["ExecStart"][0]


def test_the_service_waits_as_long_as_stopping_may_take() -> None:
    found = values("tianfu.service")
    assert int(found["TimeoutStopSec"][0]) >= STOP_SECONDS + POSTGRES_STOP_SECONDS
    assert int(found["LimitNOFILE"][0]) >= CONNECTIONS_MAX + FILES_BESIDES
    assert found["RestartPreventExitStatus"] == ["2"]
    # With another mode systemd kills PostgreSQL before ExecStopPost could shut it down.
    assert found["KillMode"] == ["process"]
    assert found["ExecStopPost"] == [f"-{PROGRAM} database stop"]


def nginx_seconds(name: str) -> list[int]:
    return [int(each) for each in re.findall(rf"^\s*{name}\s+(\d+)s;", text_of("nginx/tianfu.conf"), re.MULTILINE)]


def test_limits_of_nginx_are_those_of_the_program() -> None:
    text = text_of("nginx/tianfu.conf")
    sizes = re.findall(r"client_max_body_size\s+(\d+)([km]);", text)
    units = {"k": 1024, "m": 1024 * 1024}
    forms, fhir, photo, dicom = (int(number) * units[unit] for number, unit in sizes)
    assert (forms, fhir) == (FORM_BYTES_MAX, BODY_BYTES_MAX)
    # The program itself tells who sends a file that is a little too large.
    assert 0 < photo - PHOTO_BYTES_MAX <= 1 << 20
    assert 0 < dicom - SENT_BYTES_MAX <= 1 << 20
    head = re.findall(r"large_client_header_buffers 4 (\d+)k;", text)
    assert int(head[0]) * 1024 > max(ADDRESS_BYTES_MAX, HEADER_BYTES_MAX)
    assert nginx_seconds("client_header_timeout") == [HEADER_MILLISECONDS_MAX // 1000]
    assert nginx_seconds("client_body_timeout") == [SILENCE_SECONDS_MAX]
    assert nginx_seconds("keepalive_timeout")[0] < HEADER_MILLISECONDS_MAX / 1000  # towards the program
    assert f"server 127.0.0.1:{PORT};" in text


def test_kernels_can_be_compiled_in_the_service() -> None:
    """With MemoryDenyWriteExecute numba does not even load: `cannot allocate executable memory`."""
    assert "MemoryDenyWriteExecute=" not in (DEPLOY / "tianfu.service").read_text("utf-8")
