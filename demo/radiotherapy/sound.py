"""A made case put in order as a careful department would have it: what rules on plans have nothing to say of.

Its dose is still a picture of a dose, and it may not be used for treating anybody.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from demo.radiotherapy.apertures import BOUNDARIES_MM
from demo.radiotherapy.made import MadeCase
from demo.radiotherapy.objects import Making, dose_grid_over, values_of
from demo.radiotherapy.plans import Course, course_of, target_of
from tianfu.apps.radiotherapy.model.checking.subjects import Checked, MachineLimits, checked_of
from tianfu.apps.radiotherapy.model.machines.collimators import Jaws, Leaves, Limits
from tianfu.apps.radiotherapy.model.masks import in_grid, mask_of
from tianfu.apps.radiotherapy.model.shapes import shape_of
from tianfu.standards.dicom.beams import SETUP, Beam
from tianfu.standards.dicom.cases import Case
from tianfu.standards.dicom.grids import Grid, Volume
from tianfu.standards.dicom.headers import Approval
from tianfu.standards.dicom.plans import FractionBeam, Plan

DOSE_SPACING_MM, PLATEAU_MM, FALL_MM = 2.5, 2.5, 6.0

GENERIC = MachineLimits(
    name="",
    jaws=tuple(Jaws(moves_along=along, least_mm=-200, most_mm=200, gap_mm=5.0, transmission=0.005) for along in "xy"),
    leaves=Leaves(
        boundaries_mm=tuple(map(float, BOUNDARIES_MM)),
        least_mm=-200.0,
        most_mm=200.0,
        gap_mm=0.5,
        reach_mm=150.0,
        interdigitates=True,
        step_mm=0.1,
        speed_mm_per_s=25.0,
        rounded_end_mm=0.9,
        transmission=0.015,
    ),
    limits=Limits(
        beam_mu_most=1000.0,
        segment_mu_least=1.0,
        mu_step=0.1,
        segments_most=500,
        dose_rates=(100.0, 200.0, 300.0, 400.0, 500.0, 600.0),
        gantry_degrees_per_s=6.0,
        collimator_degrees=(-175.0, 175.0),
        couch_degrees=(-95.0, 95.0),
    ),
)
"""About what common machines can do. [memory]"""


def sound_case(case: MadeCase, making: Making, *, course: Course | None = None) -> Case:
    """The case with pictures before treatment, approvals, and a fine dose that reaches what is prescribed.

    The usual course is given if no other is named.
    """
    drawn = replace(case, dose=_fine_dose(case))
    made = values_of(drawn, making, course=course)
    (structure_set,), (plan,), (dose,) = made.structure_sets, made.plans, made.doses
    approved = Approval(status="APPROVED", reviewer="示例^医师", date=plan.date, time=plan.time)
    return replace(
        made,
        structure_sets=(replace(structure_set, approval=approved),),
        plans=(_sound_plan(plan, approved, _deep_point(case, dose.volume.grid)),),
        doses=(replace(dose, heterogeneity=("IMAGE",)),),
    )


def sound(case: MadeCase, making: Making) -> Checked:
    """The same, as rules are given it, with a common machine's limits."""
    return checked_of(sound_case(case, making), plan=None, machine=GENERIC, protocol=None)


def _fine_dose(case: MadeCase) -> Volume[np.float32]:
    """As much as prescribed in the target and a little around it, and a Gaussian fall beyond."""
    grid = dose_grid_over(case.ct.grid, spacing_mm=DOSE_SPACING_MM)
    away_mm = distance_transform_edt(~_in_target(case, grid), sampling=grid.spacing[::-1])
    fall = np.exp(-(np.maximum(0.0, away_mm - PLATEAU_MM) ** 2) / (2 * FALL_MM**2))
    return Volume(grid=grid, values=(course_of(case).gy * fall).astype(np.float32))


def _in_target(case: MadeCase, grid: Grid) -> NDArray[np.bool_]:
    shape = in_grid(shape_of(target_of(case), case.ct.grid), source=case.ct.grid, target=grid)
    return mask_of(shape, grid, step_mm=float(case.ct.grid.spacing[2])).full()


def _deep_point(case: MadeCase, grid: Grid) -> tuple[float, float, float]:
    """The voxel of the target that is farthest from its surface: a target with a hole has none in its middle."""
    depth = distance_transform_edt(_in_target(case, grid), sampling=grid.spacing[::-1])
    slice_, row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    x, y, z = np.round(grid.points(np.array([column, row, slice_], dtype=np.float64)), 2).tolist()
    return x, y, z


def _sound_plan(plan: Plan, approved: Approval, point_mm: tuple[float, float, float]) -> Plan:
    number = max(beam.number for beam in plan.beams)
    pictures = tuple(_picture(plan.beams[0], number + 1 + place, gantry) for place, gantry in enumerate((0.0, 90.0)))
    (group,) = plan.fraction_groups
    given = tuple(replace(one, dose_point_mm=point_mm) for one in group.beams)
    shown = tuple(FractionBeam(beam=beam.number) for beam in pictures)
    return replace(
        plan,
        intent="CURATIVE",
        approval=approved,
        beams=(*plan.beams, *pictures),
        fraction_groups=(replace(group, beams=(*given, *shown)),),
    )


def _picture(beam: Beam, number: int, gantry_degrees: float) -> Beam:
    point = beam.control_points[0]
    stand = replace(point.stand, gantry_degrees=gantry_degrees, collimator_degrees=0.0)
    return replace(
        beam,
        number=number,
        name=f"示例摆位 G{gantry_degrees:g}",
        delivery=SETUP,
        kind="STATIC",
        final_weight=None,
        control_points=(replace(point, stand=stand, weight=None), replace(point, stand=stand, weight=None)),
    )
