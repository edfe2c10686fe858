"""The doses of all beamlets of TG-119's C-shape under nine equispaced fields: what is timed, and the memory of it.

`python -m bench.radiotherapy_influence` says the memory of a process that does this and nothing else.
"""

from __future__ import annotations

import json
import resource

from bench.radiotherapy_tg119 import Phantom, read_machine, read_phantom
from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.apps.radiotherapy.model.transport.beamlets import beamlets_over
from tianfu.apps.radiotherapy.model.transport.fields import Beamlets, Field
from tianfu.apps.radiotherapy.model.transport.influence import Influence
from tianfu.apps.radiotherapy.model.transport.pencil_beam import DoseVoxels, Settings, influence
from tianfu.apps.radiotherapy.model.transport.tracing import Resolution
from tianfu.standards.dicom.grids import Floats, Grid

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


def _peak_rss_mb() -> float:
    """From start to influence, reading included; kernels are compiled by now."""
    whole_influence(read_phantom(), read_machine())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    print(json.dumps({"peak_rss_mb": round(_peak_rss_mb(), 1)}))
