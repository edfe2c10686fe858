"""A beam's kernels at one distance to the skin, divided into a pencil's core and the skirt around it.

The first value of a kernel is no dose at a point: kernels of this kind are made on a square lattice, and it stands for
the mean over the lattice's middle square, which holds most of what is absorbed where the photon first struck.  Read as
a cone between the first two radii it would give 5 % more.  So the core is that square's dose beyond the skirt's, all at
one point, and the skirt goes on to the pencil as flat as it comes.  A sum over the lattice of the table's own spacing
gives the same, and finer ones come near the same limit.  [inferred: from matRad's sums over its lattice of 0.5 mm]
"""

from __future__ import annotations

import numpy as np

from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats


def kernels_at(beam: PencilBeam, *, surface_mm: float) -> Floats:
    """Kernels (C, R) as tabulated, linear between two distances from source to skin.

    Raises Refusal `surface-beyond-kernels` where the table does not reach.
    """
    surfaces = beam.surfaces_mm
    if not surfaces[0] <= surface_mm <= surfaces[-1]:
        reach = {"from": f"{surfaces[0]:g}", "to": f"{surfaces[-1]:g}"}
        raise Refusal("surface-beyond-kernels", details={"surface": f"{surface_mm:.1f}", **reach})
    upper = min(max(1, int(np.searchsorted(surfaces, surface_mm))), len(surfaces) - 1)
    lower = max(0, upper - 1)
    if lower == upper:
        return np.asarray(beam.kernels[0])
    share = (surface_mm - surfaces[lower]) / (surfaces[upper] - surfaces[lower])
    return np.asarray((1 - share) * beam.kernels[lower] + share * beam.kernels[upper])


def core_and_skirt(beam: PencilBeam, *, surface_mm: float) -> tuple[Floats, Floats]:
    """Of each component what a pencil gives to the point it strikes (C), and the kernel around it (C, R).

    The core has the unit of a kernel times square millimetres.  Raises Refusal `surface-beyond-kernels`.
    """
    skirt = kernels_at(beam, surface_mm=surface_mm).copy()
    core = (skirt[:, 0] - skirt[:, 1]) * beam.radius_mm[1] ** 2
    skirt[:, 0] = skirt[:, 1]
    return core, skirt
