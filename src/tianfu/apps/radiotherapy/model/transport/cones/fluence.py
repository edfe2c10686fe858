"""A field's fluence in the plane of the isocentre, as its collimator and its source's size leave it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.standards.dicom.grids import Floats

SIGMA_OF_FWHM = 1 / (2 * np.sqrt(2 * np.log(2)))
"""A Gaussian's standard deviation as a part of its full width at half its height."""

REACH_FWHM = 2.0
"""How far beyond its edges a rectangle's map goes on, in widths of the penumbra; there it is below 1e-5. [ours]"""


@dataclass(frozen=True, kw_only=True)
class FluenceMap:
    """Relative energy fluence in the plane of the isocentre, 1 in the open beam's middle and 0 beyond the map.

    `values` (Y, X) are those at the centres of square pixels of `pixel_mm`; the first is at `first_mm` (x, y) in the
    collimator's system.  The primary fluence and the penumbra are in them.
    """

    first_mm: tuple[float, float]
    pixel_mm: float
    values: Floats

    def __post_init__(self) -> None:
        """Raise ValueError for fewer than two pixels along x or y: nothing lies between them."""
        if min(self.values.shape) < 2 or self.pixel_mm <= 0:
            raise ValueError("a map of fluence has at least two pixels to each side")

    @property
    def bounds_mm(self) -> Floats:
        """Least x and y and greatest x and y (2, 2) of the centres of its outermost pixels."""
        last = (np.array(self.values.shape[::-1]) - 1) * self.pixel_mm
        return np.array([self.first_mm, np.array(self.first_mm) + last])


def fluence_of(opening: FluenceMap, beam: PencilBeam) -> FluenceMap:
    """What passes through an opening, whose map has the collimator's transmission only: weighted by the open beam's
    fluence and blurred by the size of its source.
    """
    x, y = (
        first + np.arange(count) * opening.pixel_mm
        for first, count in zip(opening.first_mm, opening.values.shape[::-1], strict=True)
    )
    primary = np.interp(np.hypot(x, y[:, None]), beam.primary[:, 0], beam.primary[:, 1])
    sigma = beam.penumbra_fwhm_mm * SIGMA_OF_FWHM / opening.pixel_mm
    values = ndimage.gaussian_filter(opening.values * primary, sigma, mode="constant", truncate=5.0)
    return FluenceMap(first_mm=opening.first_mm, pixel_mm=opening.pixel_mm, values=values)


def rectangle_fluence(
    beam: PencilBeam, *, x_mm: tuple[float, float], y_mm: tuple[float, float], pixel_mm: float
) -> FluenceMap:
    """The fluence of a rectangle between two places along x and along y, with nothing through what is closed."""
    reach = beam.penumbra_fwhm_mm * REACH_FWHM
    columns, rows = (_pixels(low - reach, high + reach, pixel_mm) for low, high in (x_mm, y_mm))
    values = _covered(rows, y_mm, pixel_mm)[:, None] * _covered(columns, x_mm, pixel_mm)
    opening = FluenceMap(first_mm=(float(columns[0]), float(rows[0])), pixel_mm=pixel_mm, values=values)
    return fluence_of(opening, beam)


def _pixels(low: float, high: float, pixel_mm: float) -> Floats:
    """Centres of pixels from one to the other place; an edge lies between two of them on whole millimetres."""
    return np.asarray((np.arange(np.floor(low / pixel_mm), np.ceil(high / pixel_mm)) + 0.5) * pixel_mm)


def _covered(centres: Floats, between: tuple[float, float], pixel_mm: float) -> Floats:
    """What part of each pixel is between the two places."""
    low = np.maximum(centres - pixel_mm / 2, between[0])
    high = np.minimum(centres + pixel_mm / 2, between[1])
    return np.asarray(np.clip(high - low, 0.0, None) / pixel_mm)
