"""Where the benchmark's store and its input lie."""

from __future__ import annotations

import os
from pathlib import Path
from shutil import copy2, copytree

from tianfu.vault.files import load_or_make
from tianfu.vault.provider import Keys

ROOT = Path(__file__).resolve().parent.parent
LOAD = Path(__file__).resolve().parent / "load"


def home() -> Path:
    """The benchmark's own installation, apart from the one that `make run` serves."""
    return Path(os.environ.get("TIANFU_HOME", ROOT / ".tianfu" / "bench")).absolute()


def keys(home: Path) -> Keys:
    """The keys of a benchmark's installation."""
    return Keys(provider=load_or_make(home, "development"), cipher="sm4")


def home_for(home: Path, scratch: Path) -> Path:
    """A new home for another database on the server of `home`: the same secret and keys, its own trail."""
    scratch.mkdir(mode=0o700)
    copytree(home / "keys", scratch / "keys")
    copy2(home / "database-secret", scratch / "database-secret")
    return scratch


def synthea() -> Path:
    """The folder of Synthea bundles; ends the program with a sentence where it is absent."""
    shared = Path(os.environ.get("TIANFU_SHARED", ROOT.parent / "shared"))
    folder = shared / "data" / "synthea-r4"
    if not folder.is_dir():
        raise SystemExit(f"the Synthea bundles are not at {folder}; TIANFU_SHARED names another place")
    return folder
