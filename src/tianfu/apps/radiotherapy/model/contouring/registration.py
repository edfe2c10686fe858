"""One CT fitted onto another with SimpleITK: affine, then demons, at a working grid, the same each time.

SimpleITK is loaded at first use.  Its writer of series changes the language of the process: nothing here writes.
Demons: Thirion 1998 (doi 10.1016/S1361-8415(98)80022-4); symmetric forces: Vercauteren et al. 2009
(doi 10.1016/j.neuroimage.2008.10.040) [memory].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tianfu.apps.radiotherapy.model.contouring.bodies import body_of
from tianfu.apps.radiotherapy.model.contouring.levels import Levels
from tianfu.apps.radiotherapy.model.contouring.orders import Values, patient_order
from tianfu.apps.radiotherapy.model.contouring.providers import Hounsfield
from tianfu.apps.radiotherapy.model.contouring.windows import Singles
from tianfu.apps.radiotherapy.model.scanlines import Bools
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Grid

THREADS = 2
"""Sums are made in parts, one for each thread: their number decides on the last digits, so it is always the same."""

WINDOW_HU = (-1000.0, 400.0)
"""Beyond, bone and metal would outweigh the rest. [ours]"""

MARGIN_MM = 12.0
AFFINE_STAGES = ((4, 60, 2.0), (2, 40, 0.5))
"""So coarse, so many steps, and by so many millimetres at most in one: a step that is not bounded in the patient, but
in the matrix, may turn a body inside out. [ours]"""

DEMONS_SHRINKS, DEMONS_STEPS = (4, 2, 1), (40, 30, 15)
FIELD_SIGMA_VOXELS = 1.5
"""How it is fitted. [ours], tried on made chests only."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A CT without its couch, cut to the body, as an image of SimpleITK; `body` likewise."""

    image: Any
    body: Any


def sitk() -> Any:
    """SimpleITK; raises Refusal `contouring-part-missing` where it is not installed."""
    try:
        import SimpleITK
    except ImportError as error:
        raise Refusal("contouring-part-missing", details={"package": "simpleitk"}) from error
    return SimpleITK


def prepared(ct: Hounsfield, *, working_mm: float, levels: Levels) -> Prepared:
    """A CT on a working grid along its own axes; raises Refusal `contouring-no-body` if nobody is on it."""
    order = patient_order(ct.grid)
    body = np.ascontiguousarray(order.back(body_of(order.turned(ct.values), order, levels)[0]))
    if not body.any():
        raise Refusal("contouring-no-body")
    low, high = WINDOW_HU
    values = np.where(body, np.clip(ct.values, low, high), low).astype(np.float32)
    working = working_grid(ct.grid, body, working_mm=working_mm)
    smooth_mm = working_mm / 2 if ct.grid.spacing.min() < 0.75 * working_mm else 0.0
    itk, reference = sitk(), image_of(np.zeros(working.shape, np.float32), working)
    image = image_of(values, ct.grid)
    if smooth_mm:
        image = itk.DiscreteGaussian(image, smooth_mm**2)
    return Prepared(
        image=_resampled(image, reference, itk.Transform(), low),
        body=_resampled(image_of(body.astype(np.float32), ct.grid), reference, itk.Transform(), 0.0),
    )


def working_grid(grid: Grid, body: Bools, *, working_mm: float) -> Grid:
    """The box of a body and a margin, with cubes of voxels."""
    spans = [np.flatnonzero(body.any(axis=others)) for others in ((0, 1), (0, 2), (1, 2))]
    first = np.array([span[0] for span in spans]) * grid.spacing - MARGIN_MM
    extent = np.array([span[-1] for span in spans]) * grid.spacing + MARGIN_MM - first
    columns, rows, slices = (int(count) for count in np.ceil(extent / working_mm) + 1)
    return Grid(
        origin=grid.patient(first), axes=grid.axes, spacing=np.full(3, working_mm), shape=(slices, rows, columns)
    )


def image_of(values: Values, grid: Grid) -> Any:
    """An image of SimpleITK that lies where the grid does; both use DICOM's patient coordinates."""
    image = sitk().GetImageFromArray(np.ascontiguousarray(values))
    image.SetOrigin(grid.origin.tolist())
    image.SetSpacing(grid.spacing.tolist())
    image.SetDirection(grid.axes.T.reshape(-1).tolist())
    return image


def fitted(fixed: Prepared, moving: Prepared) -> Any:
    """The transform from places of `fixed` to those of `moving`."""
    rough = affine(fixed, moving)
    moved = _resampled(moving.image, fixed.image, rough, WINDOW_HU[0])
    return sitk().CompositeTransform([rough, _deformation(fixed.image, moved)])


def warped(image: Any, reference: Any, transform: Any) -> Singles:
    """Shares of an image of 0 and 1 as they lie on another image, linear between voxels."""
    values = sitk().GetArrayFromImage(_resampled(image, reference, transform, 0.0))
    return np.asarray(values, dtype=np.float32)


def affine(fixed: Prepared, moving: Prepared) -> Any:
    """The best affine transform from coarse to fine, begun where the bodies' middles meet."""
    itk = sitk()
    transform = itk.CenteredTransformInitializer(
        fixed.body, moving.body, itk.AffineTransform(3), itk.CenteredTransformInitializerFilter.MOMENTS
    )
    for shrink, steps, step_mm in AFFINE_STAGES:
        method = itk.ImageRegistrationMethod()
        method.SetNumberOfThreads(THREADS)
        method.SetMetricAsMeanSquares()
        method.SetMetricSamplingStrategy(method.NONE)
        method.SetInterpolator(itk.sitkLinear)
        method.SetOptimizerAsGradientDescent(
            learningRate=1.0,
            numberOfIterations=steps,
            convergenceMinimumValue=1e-5,
            convergenceWindowSize=10,
            estimateLearningRate=method.EachIteration,
            maximumStepSizeInPhysicalUnits=step_mm,
        )
        method.SetOptimizerScalesFromPhysicalShift()
        method.SetShrinkFactorsPerLevel([shrink])
        method.SetSmoothingSigmasPerLevel([shrink / 2])
        method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOff()
        method.SetInitialTransform(transform, inPlace=True)
        transform = method.Execute(fixed.image, moving.image)
    return transform


def _deformation(fixed: Any, moved: Any) -> Any:
    """What is left between two images of one grid, from coarse to fine."""
    itk = sitk()
    field = None
    for shrink, steps in zip(DEMONS_SHRINKS, DEMONS_STEPS, strict=True):
        coarse_fixed, coarse_moved = (_shrunk(image, shrink) for image in (fixed, moved))
        demons = itk.FastSymmetricForcesDemonsRegistrationFilter()
        demons.SetNumberOfThreads(THREADS)
        demons.SetNumberOfIterations(steps)
        demons.SetSmoothDisplacementField(True)
        demons.SetStandardDeviations(FIELD_SIGMA_VOXELS)
        if field is None:
            field = demons.Execute(coarse_fixed, coarse_moved)
        else:
            field = demons.Execute(coarse_fixed, coarse_moved, _resampled(field, coarse_fixed, itk.Transform(), 0.0))
    return itk.DisplacementFieldTransform(itk.Cast(field, itk.sitkVectorFloat64))


def _shrunk(image: Any, shrink: int) -> Any:
    itk = sitk()
    if shrink == 1:
        return image
    smooth = itk.DiscreteGaussian(image, (shrink / 2 * image.GetSpacing()[0]) ** 2)
    return itk.Shrink(smooth, [min(shrink, max(1, side // 4)) for side in image.GetSize()])


def _resampled(image: Any, reference: Any, transform: Any, outside: float) -> Any:
    itk = sitk()
    resample = itk.ResampleImageFilter()
    resample.SetNumberOfThreads(THREADS)
    resample.SetReferenceImage(reference)
    resample.SetTransform(transform)
    resample.SetInterpolator(itk.sitkLinear)
    resample.SetDefaultPixelValue(outside)
    return resample.Execute(image)
