"""One objective on one influence, given to pyRadPlan's solvers and to ours in turns.

The case is that of `bench.radiotherapy_objective`, without smoothing, which pyRadPlan does not have: doses of all
voxels that any objective has, in single precision.  pyRadPlan solves it with IPOPT, its own choice, and with SciPy's
L-BFGS-B, each from where it begins itself.  What counts is the time until the objective is within 1 % of the lowest
value that any of the three found; it counts from the first value on, so that neither's preparations are in it.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.peers import asked
from bench.radiotherapy_objective import FRACTIONS, OBJECTIVES, PRESCRIBED_GY, TARGET, WITHIN, regions_of
from bench.radiotherapy_tg119 import Phantom
from tianfu.apps.radiotherapy.model.optimisation.fluence import Settings as Stop
from tianfu.apps.radiotherapy.model.optimisation.fluence import Step, even_start, optimise
from tianfu.apps.radiotherapy.model.optimisation.fused import Problem, judged
from tianfu.apps.radiotherapy.model.optimisation.objectives import MaximumDose
from tianfu.apps.radiotherapy.model.transport.influence import Influence

Result = dict[str, object]
Curve = tuple[list[float], list[float]]
"""Seconds, and the objective then."""

PEER = "pyradplan"
PROGRAM = Path(__file__).resolve().parent / "radiotherapy_plan_peer.py"
SOLVERS = ("ipopt", "scipy")
CONVERGED = Stop(iterations_most=400, change_least=1e-5, smoothing=0.0)
ROUNDS = 2


def fluence_keys(phantom: Phantom, found: Influence, *, rounds: int = ROUNDS) -> Result:
    """Seconds of each solver to within 1 %, and what it reached; raises PeerMissingError."""
    problem = Problem(influence=found, objectives=OBJECTIVES, regions=regions_of(phantom, found), fractions=FRACTIONS)
    judged(problem, even_start(problem, structure=TARGET, dose_gy=PRESCRIBED_GY))
    curves: dict[str, list[Curve]] = {name: [] for name in ("ours", *SOLVERS)}
    reached: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        given = Path(scratch) / "given.npz"
        _write(problem, given)
        for _ in range(rounds):
            curves["ours"].append(_ours(problem))
            for solver in SOLVERS:
                answer = Path(scratch) / "weights.npy"
                told = asked(PEER, PROGRAM, "fluence", given, answer, solver)
                curves[solver].append((told["seconds"], told["objectives"]))
                reached[solver] = judged(problem, np.maximum(np.load(answer), 0.0)).value
    reached["ours"] = min(curves["ours"][-1][1])
    goal = WITHIN * min(reached.values())
    return {
        "fluence_vs_peer_seconds": {name: _median([until(each, goal) for each in curves[name]]) for name in curves},
        "fluence_vs_peer_objective": {name: round(reached[name], 1) for name in curves},
        "fluence_vs_peer_evaluations": {name: len(curves[name][-1][1]) for name in curves},
    }


def matrix_of(
    influence: Influence, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int64]]:
    """Some rows of an influence as values, columns and where each row begins, as any library of sparse matrices has
    them.
    """
    first_run, end_run = influence.voxel_runs[rows], influence.voxel_runs[rows + 1]
    runs = _stretches(first_run, end_run)
    first, end = influence.run_values[runs].astype(np.int64), influence.run_values[runs + 1].astype(np.int64)
    at = _stretches(first, end)
    lengths = end - first
    columns = np.repeat(influence.run_beamlets[runs].astype(np.int64) - first, lengths) + at
    begins = influence.run_values[first_run].astype(np.int64)
    per_row = influence.run_values[end_run].astype(np.int64) - begins
    values = influence.values[at].astype(np.float32) * np.repeat(influence.scale[rows], per_row)
    return values, columns.astype(np.int32), np.concatenate([[0], np.cumsum(per_row)])


def _stretches(first: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.int64]:
    """All whole numbers from each first to before its end, one stretch after the other."""
    lengths = end - first
    return np.asarray(np.arange(lengths.sum()) + np.repeat(first - np.cumsum(lengths) + lengths, lengths))


def _write(problem: Problem, file: Path) -> None:
    values, columns, rows = matrix_of(problem.influence, problem.rows)
    given: dict[str, Any] = {
        "values": values * np.float32(problem.fractions),
        "columns": columns,
        "rows": rows,
        "structures": [each.structure for each in problem.objectives],
        "is_most": [isinstance(each, MaximumDose) for each in problem.objectives],
        "gray": [each.dose_gy for each in problem.objectives],
        "weights": [each.weight for each in problem.objectives],
    }
    given |= {f"rows of {name}": places for name, places in problem.places.items()}
    np.savez(file, **given)


def _ours(problem: Problem) -> Curve:
    """From an even start."""
    seconds = [0.0]
    start = even_start(problem, structure=TARGET, dose_gy=PRESCRIBED_GY)
    began = time.perf_counter()

    def heard(step: Step) -> bool:
        seconds.append(time.perf_counter() - began)
        return True

    values = list(optimise(problem, start=start, settings=CONVERGED, heard=heard).objectives)
    return seconds, values


def until(curve: Curve, goal: float) -> float:
    """Seconds to the first value that is so low; infinite where there is none."""
    return next((second for second, value in zip(*curve, strict=True) if value <= goal), float("inf"))


def _median(seconds: list[float]) -> float | None:
    """None where it was never reached: JSON has no infinity."""
    middle = statistics.median(seconds)
    return round(middle, 2) if np.isfinite(middle) else None
