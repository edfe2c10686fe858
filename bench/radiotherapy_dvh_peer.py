"""dicompyler-core's histograms, run by its own Python: `python radiotherapy_dvh_peer.py drawn.dcm dose.dcm ...`."""

from __future__ import annotations

import importlib
import json
import logging
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

ROUNDS = 3
WAYS: dict[str, dict[str, Any]] = {
    "default": {},
    "interpolated": {"interpolation_resolution": 0.75, "interpolation_segments_between_planes": 2},
}
"""As it comes, and with its interpolation: to a quarter of a voxel (it wants a power of two), two planes between."""


def main(drawn: str, *doses: str) -> None:
    """Print volume (cc), mean, D99, D95 (Gy) and milliseconds of structure 1 in the first dose, and so on."""
    logging.disable(logging.CRITICAL)
    read = importlib.import_module("pydicom").dcmread
    histogram_of = importlib.import_module("dicompylercore.dvhcalc").get_dvh
    structures = read(drawn)
    print(
        json.dumps(
            {
                way: [
                    _figures(histogram_of, structures, read(dose), number, how) for number, dose in enumerate(doses, 1)
                ]
                for way, how in WAYS.items()
            }
        )
    )


def _figures(histogram_of: Callable[..., Any], structures: Any, dose: Any, number: int, how: dict[str, Any]) -> Any:
    times = []
    for _ in range(ROUNDS + 1):
        started = time.perf_counter()
        found = histogram_of(structures, dose, number, **how)
        times.append((time.perf_counter() - started) * 1000)
    return {
        "volume_cc": float(found.volume),
        "mean_gy": float(found.mean),
        "d99_gy": float(found.statistic("D99").value),
        "d95_gy": float(found.statistic("D95").value),
        "ms": statistics.median(times[1:]),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
