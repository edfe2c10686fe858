"""The speeds of trust, and whether it holds: what permission, trace and vault cost."""

from __future__ import annotations

import time
from pathlib import Path

from bench.audited_reading import audited_reads
from bench.deciding import decisions
from bench.machine import machine
from bench.sealing import fields
from bench.side_channels import side_channels
from bench.trust_trail import trail

Result = dict[str, object]


def trust(home: Path) -> Result:
    """Measure everything once; needs the store that `prepare` builds."""
    started = time.monotonic()
    result: Result = {"machine": machine()}
    result |= decisions()
    result |= fields()
    result |= trail()
    result |= audited_reads(home)
    result |= side_channels()
    result["seconds"] = round(time.monotonic() - started, 1)
    return result
