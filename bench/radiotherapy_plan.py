"""How fast and how compact the doses of beamlets are, and how little the grid changes them: `python -m bench
radiotherapy_plan`.

The case is the C-shape of AAPM's Task Group 119 under nine equispaced fields with beamlets of 5 mm, on the CT's own
grid of 3 x 3 x 2.5 mm.  Tracing rays is in the time; compiling is told apart.  Memory is that of a process of its own.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np

from bench.machine import machine
from bench.preparing import say
from bench.radiotherapy_cones import cones_keys
from bench.radiotherapy_deliverable import deliverable_keys
from bench.radiotherapy_plan_peers import FULL_ONLY, full_keys
from bench.radiotherapy_tg119 import DataMissingError, Phantom, points_of, read_machine, read_phantom
from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.apps.radiotherapy.model.machines.generic import generic_linac
from tianfu.apps.radiotherapy.model.transport.beamlets import beamlets_over
from tianfu.apps.radiotherapy.model.transport.fields import Beamlets, Field
from tianfu.apps.radiotherapy.model.transport.influence import Influence
from tianfu.apps.radiotherapy.model.transport.pencil_beam import DoseVoxels, Settings, influence
from tianfu.apps.radiotherapy.model.transport.products import dose_of
from tianfu.apps.radiotherapy.model.transport.tracing import Resolution
from tianfu.standards.dicom.grids import Floats, Grid

Result = dict[str, object]

FIELDS = 9
BEAMLET_MM = 5.0
ROUNDS = 3
FINER_MM = 2.0
COARSER_MM = 3.0

SETTINGS = Settings(
    gy_per_mu=0.01,
    lateral_cut_off_mm=50.0,
    surface_density=0.05,
    resolution=Resolution(ray_mm=2.0, step_mm=2.5),
)
"""As in the measurements of a prototype; one centigray for a monitor unit where the kernels say 1."""


def radiotherapy_plan(*, with_peers: bool = False) -> Result:
    """Measure everything once; without the phantom or the machine it says so and nothing else."""
    started = time.monotonic()
    result: Result = {"machine": machine(), "full_only": FULL_ONLY}
    try:
        phantom, beam = read_phantom(), read_machine()
    except DataMissingError as error:
        return result | {"data_missing": str(error)}
    say("doses of beamlets")
    result |= _influence_keys(phantom, beam)
    say("fluence, segments and their dose")
    machine_model = generic_linac(beam)
    traced = replace(SETTINGS, gy_per_mu=machine_model.calibration.gy_per_mu)
    found = influence(phantom.density, beam, plan_of(phantom), _body(phantom), traced)
    result |= deliverable_keys(phantom, machine_model, found, traced)
    del found
    say("a second engine")
    result |= cones_keys(beam)
    say("a finer grid")
    result |= {"grid_convergence_target_percent": round(_grid_convergence_percent(phantom, beam), 3)}
    say("memory of a process of its own")
    result |= _in_a_process_of_its_own()
    result |= full_keys(phantom, beam, plan_of(phantom), traced) if with_peers else {}
    result["seconds"] = round(time.monotonic() - started, 1)
    return result


def plan_of(phantom: Phantom) -> Beamlets:
    """Nine equispaced fields about the target's middle, and their beamlets with a margin of one beamlet."""
    target = phantom.points("OuterTarget")
    fields = tuple(
        Field(
            number=number + 1,
            isocentre=target.mean(axis=0),
            gantry_degrees=number * 360.0 / FIELDS,
            collimator_degrees=0.0,
            couch_degrees=0.0,
        )
        for number in range(FIELDS)
    )
    margin_mm = BEAMLET_MM + max(phantom.density.grid.spacing) / 2
    return beamlets_over(target, fields, size_mm=BEAMLET_MM, margin_mm=margin_mm, axis_mm=1000.0)


def whole_influence(phantom: Phantom, beam: PencilBeam) -> Influence:
    """On all voxels of the body."""
    return influence(phantom.density, beam, plan_of(phantom), _body(phantom), SETTINGS)


def _body(phantom: Phantom) -> DoseVoxels:
    return DoseVoxels(grid=phantom.density.grid, voxels=phantom.structures["BODY"])


def _influence_keys(phantom: Phantom, beam: PencilBeam) -> Result:
    began = time.perf_counter()
    found = whole_influence(phantom, beam)
    first = time.perf_counter() - began
    seconds, cpu = [], []
    for _ in range(ROUNDS):
        del found
        began, worked = time.perf_counter(), time.process_time()
        found = whole_influence(phantom, beam)
        seconds.append(time.perf_counter() - began)
        cpu.append(time.process_time() - worked)
    return {
        "influence_3mm_seconds": round(statistics.median(seconds), 2),
        "influence_3mm_cpu_seconds": round(statistics.median(cpu), 2),
        "influence_compile_seconds": round(max(first - statistics.median(seconds), 0.0), 1),
        "influence_beamlets": found.beamlets.count,
        "influence_nonzeros": len(found.values),
        "influence_runs": len(found.run_beamlets),
        "influence_memory_mb": round(found.memory_mb, 1),
    }


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


def _in_a_process_of_its_own() -> Result:
    done = subprocess.run([sys.executable, "-m", "bench.radiotherapy_plan"], check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def _peak_rss_mb() -> float:
    """From start to influence, reading included; kernels are compiled by now."""
    whole_influence(read_phantom(), read_machine())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    print(json.dumps({"peak_rss_mb": round(_peak_rss_mb(), 1)}))
