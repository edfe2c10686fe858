"""The doses of all beamlets of TG-119's C-shape under nine equispaced fields: what is timed, and the memory of it."""

from __future__ import annotations

import statistics
import time

from bench.machine import peak_rss_mb
from bench.radiotherapy_tg119 import Phantom
from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.apps.radiotherapy.model.transport.beamlets import beamlets_over
from tianfu.apps.radiotherapy.model.transport.fields import Beamlets, Field
from tianfu.apps.radiotherapy.model.transport.influence import Influence
from tianfu.apps.radiotherapy.model.transport.pencil_beam import DoseVoxels, Settings, influence
from tianfu.apps.radiotherapy.model.transport.tracing import Resolution
from tianfu.standards.dicom.grids import Floats, Grid

Result = dict[str, object]

ROUNDS = 3
FIELDS = 9
BEAMLET_MM = 5.0

SETTINGS = Settings(
    gy_per_mu=0.01,
    lateral_cut_off_mm=50.0,
    surface_density=0.05,
    resolution=Resolution(ray_mm=2.0, step_mm=2.5),
)
"""As in the measurements of a prototype; one centigray for a monitor unit where the kernels say 1."""


def plan_of(phantom: Phantom) -> Beamlets:
    """Nine equispaced fields about the target's middle, and their beamlets with a margin of one beamlet."""
    return beamlets_about(phantom.points("OuterTarget"), phantom.density.grid, axis_mm=1000.0)


def beamlets_about(target: Floats, grid: Grid, *, axis_mm: float) -> Beamlets:
    """The same about the points (n, 3) of any target's voxels in a grid."""
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
    margin_mm = BEAMLET_MM + max(grid.spacing) / 2
    return beamlets_over(target, fields, size_mm=BEAMLET_MM, margin_mm=margin_mm, axis_mm=axis_mm)


def whole_influence(phantom: Phantom, beam: PencilBeam) -> Influence:
    """On all voxels of the body."""
    return influence(phantom.density, beam, plan_of(phantom), _body_of(phantom), SETTINGS)


def _body_of(phantom: Phantom) -> DoseVoxels:
    return DoseVoxels(grid=phantom.density.grid, voxels=phantom.structures["BODY"])


def influence_keys(phantom: Phantom, beam: PencilBeam) -> Result:
    """Median seconds of three times, and the most memory that this process had till now, with all that came before."""
    rounds = [_once(phantom, beam) for _ in range(ROUNDS)]
    seconds, cpu = [each[0] for each in rounds], [each[1] for each in rounds]
    return {
        "influence_3mm_seconds": round(statistics.median(seconds), 2),
        "influence_3mm_seconds_runs": [round(each, 2) for each in seconds],
        "influence_3mm_cpu_seconds": round(statistics.median(cpu), 2),
        **rounds[-1][2],
        "peak_rss_mb": round(peak_rss_mb(), 1),
    }


def _once(phantom: Phantom, beam: PencilBeam) -> tuple[float, float, Result]:
    """Seconds, seconds of all cores together, and what came of it, which is gone before it is done again."""
    began, worked = time.perf_counter(), time.process_time()
    found = whole_influence(phantom, beam)
    seconds, cpu = time.perf_counter() - began, time.process_time() - worked
    return (
        seconds,
        cpu,
        {
            "influence_beamlets": found.beamlets.count,
            "influence_nonzeros": len(found.values),
            "influence_runs": len(found.run_beamlets),
            "influence_memory_mb": round(found.memory_mb, 1),
        },
    )
