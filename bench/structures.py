"""How long structures take: a mask of an organ on a whole image, and what is derived from its contours."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

import numpy as np

from tianfu.apps.radiotherapy.model.interpolation import fine_planes
from tianfu.apps.radiotherapy.model.margins import along_axes, grown, uniform
from tianfu.apps.radiotherapy.model.masks import coverage_of, mask_of
from tianfu.apps.radiotherapy.model.shapes import Shape, shape_of
from tianfu.apps.radiotherapy.model.similarity import overlap, surface_distances
from tianfu.standards.dicom.grids import Grid
from tianfu.standards.dicom.structures import Ring, Structure

RUNS = 5
STEP_MM = 2.5
IMAGE = Grid(
    origin=np.array([-250.0, -250.0, -180.0]),
    axes=np.eye(3),
    spacing=np.array([500 / 512, 500 / 512, STEP_MM]),
    shape=(150, 512, 512),
)

Result = dict[str, object]


def organ(radius_mm: float, *, x_mm: float) -> Structure:
    """A lumpy ball of rings of two hundred points, as an organ is drawn."""
    angles = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    rings = []
    for z in np.arange(-radius_mm, radius_mm, STEP_MM)[1:]:
        radius = np.sqrt(radius_mm**2 - z**2) * (1 + 0.1 * np.cos(5 * angles))
        points = np.column_stack([x_mm + radius * np.cos(angles), radius * np.sin(angles), np.full(200, z)])
        rings.append(Ring(points=points))
    return Structure(number=1, name="organ", kind="ORGAN", colour=None, generation="", rings=tuple(rings))


def structures() -> Result:
    """Milliseconds, the median of five after a first run that compiles; an organ of 80 mm, a skin of 360 mm."""
    drawn, skin = organ(40.0, x_mm=60.0), organ(180.0, x_mm=0.0)
    shape, other = (shape_of(organ(40.0, x_mm=x), IMAGE) for x in (60.0, 64.0))
    margin = along_axes(uniform(7.0), IMAGE)
    return {
        "mask_ms_per_roi": _ms(lambda: _mask(drawn)),
        "mask_ms_skin": _ms(lambda: _mask(skin)),
        "coverage_ms_per_roi": _ms(lambda: coverage_of(shape, IMAGE, step_mm=STEP_MM, lines=4).full()),
        "fine_planes_ms": _ms(lambda: fine_planes(shape, 1.0, drawn_step_mm=STEP_MM)),
        "margin_ms": _ms(lambda: grown(shape, margin, step_mm=STEP_MM)),
        "overlap_ms": _ms(lambda: overlap(shape, other, step_mm=STEP_MM, slab_mm=STEP_MM)),
        "surface_distances_ms": _ms(lambda: surface_distances(shape, other, step_mm=STEP_MM, pitch_mm=2.0)),
    }


def _mask(structure: Structure) -> object:
    """From rings in the patient to a mask of the whole image."""
    shape: Shape = shape_of(structure, IMAGE)
    return mask_of(shape, IMAGE, step_mm=STEP_MM).full()


def _ms(work: Callable[[], object]) -> float:
    work()
    return round(statistics.median(_once_ms(work) for _ in range(RUNS)), 1)


def _once_ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    print(json.dumps(structures(), indent=1))
