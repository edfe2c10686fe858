"""pymedphys's gamma of two doses, run by its own Python: `python radiotherapy_gamma_peer.py doses.npz gamma.npy`."""

from __future__ import annotations

import importlib
import json
import sys
import time

import numpy as np


def main(given: str, answer: str) -> None:
    """Write its gammas and print how long it took; its module is loaded and its first call made before."""
    gamma = importlib.import_module("pymedphys").gamma
    doses = np.load(given)
    reference, evaluated = (doses[name].astype(np.float64) for name in ("reference", "evaluated"))
    axes = tuple(
        np.arange(count) * spacing for count, spacing in zip(reference.shape, doses["spacing"][::-1], strict=True)
    )
    asked = {
        "dose_percent_threshold": 2,
        "distance_mm_threshold": 2,
        "lower_percent_dose_cutoff": 10,
        "interp_fraction": 10,
        "max_gamma": 2,
        "local_gamma": False,
        "quiet": True,
    }
    few = tuple(axis[:4] for axis in axes)
    gamma(few, np.ones((4, 4, 4)), few, np.ones((4, 4, 4)), **asked)
    started = time.perf_counter()
    found = gamma(axes, reference, axes, evaluated, **asked)
    seconds = time.perf_counter() - started
    np.save(answer, found)
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
