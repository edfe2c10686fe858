"""What `python -m bench radiotherapy_plan` measures, one after another.

The case is the C-shape of AAPM's Task Group 119 under nine equispaced fields with beamlets of 5 mm.  The doses of
beamlets are timed on the CT's own grid of 3 x 3 x 2.5 mm, tracing rays in it; the plan is made as the product makes it.
What takes seconds is measured with its kernels compiled before; what is counted has the machine when nothing else does.
`FULL_ONLY` says what the full run alone measures, and why.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.radiotherapy_checks import shares_keys
from bench.radiotherapy_cones import field_keys, fit_keys, fitted
from bench.radiotherapy_engines import Engines, agreement_keys, lung_keys, water_keys
from bench.radiotherapy_influence import SETTINGS, influence_keys, plan_of
from bench.radiotherapy_made import CONVERGED_OBJECTIVE, compile_seconds, converged_objective, made_keys, phantom_case
from bench.radiotherapy_phantoms import phantom_keys, phantom_names
from bench.radiotherapy_plan_peers import FULL_ONLY as PEERS_ONLY
from bench.radiotherapy_plan_peers import full_keys
from bench.radiotherapy_shares import Shares
from bench.radiotherapy_tg119 import DataMissingError, Phantom, points_of, read_machine, read_phantom
from bench.saying import say
from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.apps.radiotherapy.model.machines.generic import generic_linac
from tianfu.apps.radiotherapy.model.machines.machines import Machine
from tianfu.apps.radiotherapy.model.transport.pencil_beam import DoseVoxels, influence
from tianfu.apps.radiotherapy.model.transport.products import dose_of
from tianfu.standards.dicom.cases import Case
from tianfu.standards.dicom.grids import Floats, Grid

Result = dict[str, object]

KEPT_WITHIN = 0.005
FINER_MM = 2.0
COARSER_MM = 3.0

FULL_ONLY = {
    "fluence_converged_objective": "twelve seconds of search beyond what a plan needs; the reduced run holds the "
    "objective against the one that was kept, and fails if it gets below it",
    "cones_field_3mm_seconds": "three more of the nine that the plan's second dose takes",
    **dict.fromkeys(phantom_names(), "three whole plans, which together take as long as the rest"),
    **PEERS_ONLY,
}
"""What the reduced run leaves out, by key, with the reason."""


def measured(shares: Shares, *, with_peers: bool) -> Result:
    """Everything beside which the rules are tried, what they count, and after them, alone, what is in `FULL_ONLY`."""
    result: Result = {"full_only": FULL_ONLY, "full": with_peers}
    try:
        phantom, beam = read_phantom(), read_machine()
    except DataMissingError as error:
        return result | {"data_missing": str(error)}
    case, linac = phantom_case(), generic_linac(beam)
    say("a coarse plan, which compiles")
    result |= {"plan_compile_seconds": round(compile_seconds(case, linac), 1)}
    kernels, fit_seconds = fitted(beam)
    engines = Engines(beam=beam, kernels=kernels)
    result |= {"cones_fit_seconds": round(fit_seconds, 2), **fit_keys(kernels)}
    result |= _timed(phantom, case, linac, engines)
    say("engines in water and lung, and a finer grid")
    result |= _compared(phantom, engines)
    say("what is left of the rules on plans")
    result |= shares_keys(shares)
    return result | _full_only(phantom, case, linac, engines) if with_peers else result


def _timed(phantom: Phantom, case: Case, linac: Machine, engines: Engines) -> Result:
    """What takes seconds, one after another."""
    say("doses of beamlets")
    result = influence_keys(phantom, linac.beam)
    say("a plan, from the case to the rules")
    keys, made = made_keys(case, linac)
    if made.planned.second is None:
        raise SystemExit("the plan has no second dose")
    return result | keys | agreement_keys(made.planned.dose, made.planned.second)


def _compared(phantom: Phantom, engines: Engines) -> Result:
    """What takes no seconds that are told: the engines beside one another, and a finer grid."""
    result = water_keys(engines) | lung_keys(engines)
    return result | {"grid_convergence_target_percent": round(_grid_convergence_percent(phantom, engines.beam), 3)}


def _full_only(phantom: Phantom, case: Case, linac: Machine, engines: Engines) -> Result:
    """What `FULL_ONLY` names; raises SystemExit if the kept objective is not the one that is reached."""
    say("one field by the second engine")
    result = field_keys(engines.beam, engines.kernels)
    result |= phantom_keys(linac)
    say("the converged objective")
    reached = converged_objective(case, linac)
    if abs(reached / CONVERGED_OBJECTIVE - 1) > KEPT_WITHIN:
        raise SystemExit(f"the kept converged objective is stale: {reached:.2f} is reached")
    traced = replace(SETTINGS, gy_per_mu=linac.calibration.gy_per_mu)
    peers = full_keys(phantom, engines.beam, plan_of(phantom), traced)
    return result | {"fluence_converged_objective": round(reached, 2)} | peers


def _grid_convergence_percent(phantom: Phantom, beam: PencilBeam) -> float:
    """How much the target's mean dose under open fields differs between grids of 3 and 2 mm."""
    coarser, finer = (_target_mean(phantom, beam, spacing) for spacing in (COARSER_MM, FINER_MM))
    return abs(coarser / finer - 1) * 100


def _target_mean(phantom: Phantom, beam: PencilBeam, spacing_mm: float) -> float:
    """Mean dose of a cubic grid's voxels whose middle lies in a voxel of the target."""
    points = phantom.points("OuterTarget")
    grid = _grid_about(points, spacing_mm)
    everywhere = np.arange(np.prod(grid.shape), dtype=np.int32)
    inside = _in_structure(phantom, "OuterTarget", points_of(grid, everywhere))
    wanted = DoseVoxels(grid=grid, voxels=everywhere[inside])
    found = influence(phantom.density, beam, plan_of(phantom), wanted, SETTINGS)
    return float(dose_of(found, np.ones(found.beamlets.count)).mean(dtype=np.float64))


def _grid_about(points: Floats, spacing_mm: float) -> Grid:
    low, high = points.min(axis=0) - 5.0, points.max(axis=0) + 5.0
    columns, rows, slices = (int(np.ceil(each / spacing_mm)) + 1 for each in high - low)
    return Grid(origin=low, axes=np.eye(3), spacing=np.full(3, spacing_mm), shape=(slices, rows, columns))


def _in_structure(phantom: Phantom, name: str, points: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    grid = phantom.density.grid
    marks = np.zeros(grid.shape, bool)
    marks.flat[phantom.structures[name]] = True
    places = np.rint(grid.indices(points)).astype(np.int64)
    return np.asarray(marks[places[:, 2], places[:, 1], places[:, 0]])
