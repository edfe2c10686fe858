"""The tables that the scripts draw on; each file under `data/` says how sure it is."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

Row = dict[str, Any]


@cache
def table(name: str) -> Row:
    """The table `data/<name>.json`."""
    found: Row = json.loads(files(__package__).joinpath("data", f"{name}.json").read_text("utf-8"))
    return found
