"""The unit of the other media server, as far as it can be looked at without starting it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

UNIT = Path(__file__).resolve().parents[2] / "deploy" / "tianfu-janus.service"


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text("utf-8").replace("/opt/tianfu/.venv/bin/python", sys.executable), "utf-8")
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_it_can_write_no_file_and_is_alone_in_its_folder() -> None:
    lines = UNIT.read_text("utf-8").splitlines()
    assert "ExecStart=/usr/bin/prlimit --fsize=0 /usr/bin/janus --configs-folder=/run/tianfu-janus" in lines
    assert "RuntimeDirectoryMode=0700" in lines
    assert "ProtectSystem=strict" in lines
    assert not any(line.startswith("ReadWritePaths") for line in lines)
