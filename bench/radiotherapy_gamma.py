"""How fast gamma is, how near its converged value, and pymedphys beside it: `python -m bench.radiotherapy_gamma`.

`--peer` builds pymedphys's own environment under `build/peers` and lets it take turns with ours.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from demo.radiotherapy.published import openkbp_dose
from numpy.typing import NDArray

from bench.peers import asked
from bench.places import ROOT
from bench.radiotherapy_gamma_case import Dose, converged, doses
from tianfu.apps.radiotherapy.model.gamma import Fate, GammaMap, gamma_index
from tianfu.apps.radiotherapy.model.gamma_criteria import Difference, GammaCriteria, Normalisation, Search
from tianfu.standards.dicom.grids import Grid, Volume

Result = dict[str, float]
Points = NDArray[np.int64]

CRITERIA = GammaCriteria(
    dose_difference_percent=2,
    distance_mm=2,
    difference=Difference.GLOBAL,
    normalisation_gy=Normalisation.REFERENCE_MAXIMUM,
    threshold_percent=10,
    gamma_max=2,
    search=Search.VOLUME,
)
FINE_MM = 0.02
"""A tenth of the step at which gamma is usually sampled, which is a tenth of the distance criterion."""

CONVERGED_SECONDS = 8.0
CONVERGED_POINTS = 20_000
CONVERGED_BATCH = 500
PEER = "pymedphys"
PEER_PROGRAM = Path(__file__).resolve().parent / "radiotherapy_gamma_peer.py"


def gamma_keys() -> Result:
    """The median of three comparisons, and how many of a crop's points agree with the converged value.

    The crop is a seeded draw from all judged points, as many as are done in `CONVERGED_SECONDS`.
    """
    reference, evaluated = doses()
    compiling, found = _timed(reference, evaluated)
    before = time.process_time()
    rounds = [_timed(reference, evaluated)[0] for _ in range(3)]
    processor = (time.process_time() - before) / len(rounds)
    points, truth = _converged(reference, evaluated, found)
    ours = found.gammas.values[tuple(points.T)]
    return {
        "gamma_seconds": round(statistics.median(rounds), 3),
        "gamma_processor_seconds": round(processor, 3),
        "gamma_compile_seconds": round(compiling - min(rounds), 2),
        "gamma_points": found.judged,
        "gamma_pass_percent": round(found.pass_percent, 3),
        "gamma_agreement_percent": _agreement_percent(ours, truth),
        "gamma_difference_p99": _difference_p99(ours, truth),
        "gamma_difference_max": round(float(np.abs(ours - truth).max()), 5),
        "gamma_agreement_points": len(points),
        **_clinical(),
    }


def peer_gamma(rounds: int = 3) -> Result:
    """pymedphys and ours in turns on the same doses; raises PeerMissingError."""
    reference, evaluated = doses()
    _, found = _timed(reference, evaluated)
    with tempfile.TemporaryDirectory() as scratch:
        given, answer = Path(scratch) / "doses.npz", Path(scratch) / "gamma.npy"
        np.savez(given, reference=reference.values, evaluated=evaluated.values, spacing=reference.grid.spacing)
        theirs, ours = [], []
        for _ in range(rounds):
            theirs.append(float(asked(PEER, PEER_PROGRAM, given, answer)["seconds"]))
            ours.append(_timed(reference, evaluated)[0])
        peer = np.load(answer)
    points, truth = _converged(reference, evaluated, found)
    both = (found.fates == Fate.JUDGED) & np.isfinite(peer)
    return {
        "pymedphys_gamma_seconds": round(statistics.median(theirs), 2),
        "gamma_seconds_beside_pymedphys": round(statistics.median(ours), 3),
        "pymedphys_gamma_points": int(np.isfinite(peer).sum()),
        "pymedphys_pass_percent": round(100 * float(np.mean(peer[both] <= 1)), 3),
        "gamma_pass_percent": round(found.pass_percent, 3),
        "pymedphys_same_as_ours_percent": _agreement_percent(found.gammas.values[both], peer[both]),
        "pymedphys_agreement_percent": _agreement_percent(peer[tuple(points.T)], truth),
        "pymedphys_difference_p99": _difference_p99(peer[tuple(points.T)], truth),
        "gamma_agreement_percent": _agreement_percent(found.gammas.values[tuple(points.T)], truth),
    }


def _timed(reference: Dose, evaluated: Dose) -> tuple[float, GammaMap]:
    started = time.perf_counter()
    found = gamma_index(reference, evaluated, criteria=CRITERIA)
    return time.perf_counter() - started, found


def _converged(reference: Dose, evaluated: Dose, found: GammaMap) -> tuple[Points, NDArray[np.float64]]:
    """Some points and their gamma by brute force: slices, rows and columns, whose samples are `FINE_MM` apart."""
    judged = np.argwhere(found.fates == Fate.JUDGED)
    points = np.random.default_rng(218).permutation(judged)[:CONVERGED_POINTS]
    gray = found.normalisation_gy * CRITERIA.dose_difference_percent / 100
    criteria = (gray, CRITERIA.distance_mm * 1.0, CRITERIA.gamma_max * 1.0, FINE_MM)
    at = reference.values.astype(np.float64)
    converged(evaluated.values, evaluated.grid.spacing, points[:1], at[tuple(points[:1].T)], criteria)
    parts: list[NDArray[np.float64]] = []
    started = time.perf_counter()
    for first in range(0, len(points), CONVERGED_BATCH):
        batch = points[first : first + CONVERGED_BATCH]
        parts.append(converged(evaluated.values, evaluated.grid.spacing, batch, at[tuple(batch.T)], criteria))
        if time.perf_counter() - started > CONVERGED_SECONDS:
            break
    truth = np.concatenate(parts)
    return points[: len(truth)], truth


def _agreement_percent(some: NDArray[np.floating], others: NDArray[np.floating]) -> float:
    return round(100 * float(np.mean((some <= 1) == (others <= 1))), 3)


def _difference_p99(some: NDArray[np.floating], others: NDArray[np.floating]) -> float:
    return round(float(np.percentile(np.abs(some - others), 99)), 5)


def _clinical() -> Result:
    """A patient of OpenKBP, whose dose is compared with itself moved by 1 mm; nothing where the data are not."""
    shared = Path(os.environ.get("TIANFU_SHARED", ROOT.parent / "shared"))
    folder = shared / "data" / "radiotherapy" / "openkbp" / "pt_11"
    if not folder.is_dir():
        return {}
    reference = openkbp_dose(folder)
    moved = Volume(
        grid=Grid(
            origin=reference.grid.origin + np.array([0.6, -0.6, 0.53]),
            axes=reference.grid.axes,
            spacing=reference.grid.spacing,
            shape=reference.grid.shape,
        ),
        values=reference.values,
    )
    seconds, found = _timed(reference, moved)
    return {
        "gamma_openkbp_seconds": round(seconds, 3),
        "gamma_openkbp_points": found.judged,
        "gamma_openkbp_pass_percent": round(found.pass_percent, 3),
    }


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", action="store_true", help="compare with pymedphys")
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    print(json.dumps(peer_gamma(wanted.rounds) if wanted.peer else gamma_keys()))


if __name__ == "__main__":
    main()
