"""How fast and how well plans are made, and whether what is wrong with them is found: `python -m bench
radiotherapy_plan`.
"""

from __future__ import annotations

import time
from importlib import import_module

from bench.machine import forget_peak, machine
from bench.radiotherapy_shares import Shares

Result = dict[str, object]


def radiotherapy_plan(*, with_peers: bool) -> Result:
    """Measure everything once, with `with_peers` what is full-only too; without the phantom or the machine it measures
    nothing and says so (`data_missing`).

    Rules are tried from the first moment on; `radiotherapy_measures`, where all else is, is loaded beside them.
    """
    started, here = time.monotonic(), machine()
    forget_peak()
    with Shares(is_whole=with_peers) as shares:
        measured: Result = import_module("bench.radiotherapy_measures").measured(shares, with_peers=with_peers)
    return {"machine": here, **measured, "seconds": round(time.monotonic() - started, 1)}
