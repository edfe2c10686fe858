"""From the kernels' units to gray per monitor unit."""

from __future__ import annotations

import numpy as np

from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.apps.radiotherapy.model.machines.machines import Calibration
from tianfu.apps.radiotherapy.model.machines.water import depth_dose
from tianfu.kernel.refusal import Refusal


def calibrated(
    beam: PencilBeam, *, field_mm: float, depth_mm: float, surface_mm: float, output_gy_per_mu: float
) -> Calibration:
    """What a monitor unit is worth if this field gives this output there in water.

    Raises Refusal `surface-beyond-kernels`, or `beam-without-dose` if the kernels give none there.
    """
    (reference,) = depth_dose(beam, field_mm=field_mm, depths_mm=np.array([depth_mm]), surface_mm=surface_mm)
    if not reference > 0:
        raise Refusal("beam-without-dose")
    return Calibration(
        field_mm=field_mm,
        depth_mm=depth_mm,
        surface_mm=surface_mm,
        output_gy_per_mu=output_gy_per_mu,
        gy_per_mu=float(output_gy_per_mu / reference),
    )
