"""How near dose-volume histograms come to closed forms, and what one costs: `python -m bench.radiotherapy_dvh`.

Spheres, cones and cylinders of at least 5 mm radius with contours every 1 to 3 mm lie in a dose that grows by 2 Gy/cm
along a random direction, on grids of 2.5 and 3 mm at random offsets: the plan of Nelms et al. 2015
(doi 10.1118/1.4923175) with directions of our own.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.dvh import Dvh, dose_volume_histogram
from tianfu.apps.radiotherapy.model.dvh_figures import dose_at_percent
from tianfu.apps.radiotherapy.model.shapes import Shape, shape_from
from tianfu.standards.dicom.grids import Floats, Grid, Volume

SEED = 20150701
CASES_A_SOLID = 40
GRADIENT_GY_MM = 0.2
CENTRE_GY = 40.0
RING_POINTS = 360
PERCENTS = (99.0, 98.0, 95.0, 50.0, 5.0, 2.0, 1.0)
ROUNDS = 3


@dataclass(frozen=True, kw_only=True)
class Case:
    """A solid of revolution about z between two z, its radius there, and a dose that is linear in the patient."""

    kind: str
    low_mm: float
    high_mm: float
    radius_at: Callable[[Floats], Floats]
    shape: Shape
    direction: Floats
    dose: Volume[np.float64]


def dvh_keys() -> dict[str, float]:
    """The worst error of a dose (Gy) and of a volume (percent), and the dearest histogram (ms), a body among them."""
    errors, volumes, times = [], [], []
    timed(*body())  # loads the compiled code, or compiles it
    for case in cases(SEED):
        dvh, milliseconds = timed(case.shape, case.dose)
        truth = figures_in_truth(case)
        errors.append(max(abs(figures(dvh)[name] - truth[name]) for name in truth))
        volumes.append(100 * abs(dvh.volume_cc / volume_in_truth_cc(case) - 1))
        times.append(milliseconds)
    times.append(timed(*body())[1])
    return {
        "dvh_error_gy": round(max(errors), 4),
        "dvh_volume_error_percent": round(max(volumes), 3),
        "dvh_ms_per_roi": round(max(times), 1),
    }


def timed(shape: Shape, dose: Volume[np.float64]) -> tuple[Dvh, float]:
    """A histogram, and its milliseconds as the median of some rounds."""
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        dvh = dose_volume_histogram(shape, FRAME, dose, slice_thickness_mm=None)
        times.append((time.perf_counter() - started) * 1000)
    return dvh, statistics.median(times)


FRAME = Grid(origin=np.zeros(3), axes=np.eye(3), spacing=np.ones(3), shape=(1, 1, 1))


def cases(seed: int) -> Iterator[Case]:
    """Seeded solids in seeded doses."""
    chance = np.random.default_rng(seed)
    for _ in range(CASES_A_SOLID):
        for make in (_sphere, _cone, _cylinder):
            yield make(chance)


def _sphere(chance: np.random.Generator) -> Case:
    radius, step = _size(chance)
    low, high = -radius, radius
    heights = np.arange(low + chance.uniform(0.02, 0.98) * step, high, step)
    return _case("sphere", chance, (low, high), lambda z: np.sqrt(np.maximum(radius**2 - z**2, 0)), heights)


def _cone(chance: np.random.Generator) -> Case:
    """Its base lies half a step before its first plane, as a base that was drawn does; its apex anywhere."""
    radius, step = _size(chance)
    height = radius * chance.uniform(1.0, 2.5)
    heights = np.arange(step / 2, height * 0.999, step)
    return _case("cone", chance, (0.0, height), lambda z: radius * np.maximum(1 - z / height, 0), heights)


def _cylinder(chance: np.random.Generator) -> Case:
    radius, step = _size(chance)
    planes = int(np.ceil(2 * radius / step))
    heights = (np.arange(planes) + 0.5) * step
    return _case("cylinder", chance, (0.0, planes * step), lambda z: np.full_like(z, radius), heights)


def _size(chance: np.random.Generator) -> tuple[float, float]:
    return float(np.exp(chance.uniform(np.log(5), np.log(50)))), float(chance.uniform(1, 3))


def _case(
    kind: str,
    chance: np.random.Generator,
    ends: tuple[float, float],
    radius_at: Callable[[Floats], Floats],
    heights: NDArray[np.floating],
) -> Case:
    direction = chance.normal(size=3)
    direction /= np.linalg.norm(direction)
    reach = 10 + float(max(abs(ends[0]), abs(ends[1]), radius_at(heights.astype(np.float64)).max()))
    shape = shape_from([(float(z), circle(float(radius_at(np.array([float(z)]))[0]))) for z in heights])
    dose = linear_dose(chance, direction, reach, spacing_mm=float(chance.choice([2.5, 3.0])))
    return Case(
        kind=kind, low_mm=ends[0], high_mm=ends[1], radius_at=radius_at, shape=shape, direction=direction, dose=dose
    )


def circle(radius: float) -> Floats:
    """A ring about the origin."""
    turn = np.arange(RING_POINTS) * 2 * np.pi / RING_POINTS
    return np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1)


def linear_dose(
    chance: np.random.Generator, direction: Floats, reach: float, *, spacing_mm: float
) -> Volume[np.float64]:
    """A dose that grows along a direction, on a grid at a random offset that covers a cube."""
    spacing = spacing_mm
    count = int(np.ceil(2 * reach / spacing)) + 3
    origin = -reach - spacing * chance.uniform(0.5, 1.5, size=3)
    grid = Grid(origin=origin, axes=np.eye(3), spacing=np.full(3, spacing), shape=(count, count, count))
    along = [GRADIENT_GY_MM * direction[axis] * (origin[axis] + spacing * np.arange(count)) for axis in range(3)]
    return Volume(grid=grid, values=CENTRE_GY + along[0] + along[1][:, None] + along[2][:, None, None])


def figures(dvh: Dvh) -> dict[str, float]:
    """What is compared with the truth."""
    read = {f"D{percent:g}": dose_at_percent(dvh, percent) for percent in PERCENTS}
    return read | {"mean": dvh.mean_gy, "min": dvh.min_gy, "max": dvh.max_gy}


def volume_in_truth_cc(case: Case) -> float:
    """The closed form of each solid's volume."""
    height, radius = case.high_mm - case.low_mm, float(case.radius_at(np.array([max(case.low_mm, 0.0)]))[0])
    forms = {"sphere": np.pi * height**3 / 6, "cone": np.pi * radius**2 * height / 3}
    return float(forms.get(case.kind, np.pi * radius**2 * height)) / 1000


def figures_in_truth(case: Case) -> dict[str, float]:
    """Dose at volumes, by the area of the part of each disc beyond a plane: a circle's segment, summed along z.

    A plane at distance t from a disc's centre, |t| <= r, cuts off r² acos(t / r) - t sqrt(r² - t²).
    """
    middles, thickness = _fine(case)
    radii = case.radius_at(middles)
    across, along = float(np.hypot(*case.direction[:2])), float(case.direction[2])
    support = _ends_mm(case)
    levels = np.linspace(support[0], support[1], 801)
    volumes = np.array([_beyond(level - along * middles, radii, across).sum() * thickness for level in levels])
    shares = volumes / volumes[0]
    read = {
        f"D{percent:g}": CENTRE_GY + GRADIENT_GY_MM * float(np.interp(-percent / 100, -shares, levels))
        for percent in PERCENTS
    }
    centre = float(np.sum(middles * radii**2) / np.sum(radii**2)) * along
    low, high = support
    return read | {
        "mean": CENTRE_GY + GRADIENT_GY_MM * centre,
        "min": CENTRE_GY + GRADIENT_GY_MM * low,
        "max": CENTRE_GY + GRADIENT_GY_MM * high,
    }


def _fine(case: Case) -> tuple[Floats, float]:
    edges = np.linspace(case.low_mm, case.high_mm, 4001)
    return np.asarray((edges[1:] + edges[:-1]) / 2), float(edges[1] - edges[0])


def _ends_mm(case: Case) -> tuple[float, float]:
    """How far the solid reaches along the direction, exactly on its outline."""
    across, along = float(np.hypot(*case.direction[:2])), float(case.direction[2])
    z = np.linspace(case.low_mm, case.high_mm, 4001)
    outline = across * case.radius_at(z)
    return float((along * z - outline).min()), float((along * z + outline).max())


def _beyond(level: Floats, radii: Floats, across: float) -> Floats:
    """Areas of the parts of discs where `across` times the way from the centre is at least the level."""
    t = np.clip(level / max(across, 1e-12), -radii, radii)
    safe = np.maximum(radii, 1e-12)
    return np.asarray(radii**2 * np.arccos(np.clip(t / safe, -1, 1)) - t * np.sqrt(np.maximum(radii**2 - t**2, 0)))


def body() -> tuple[Shape, Volume[np.float64]]:
    """An outline as drawn on 150 slices of 512 x 512 pixels, in a dose of 3 mm with a hot spot."""
    turn = np.arange(1200) * 2 * np.pi / 1200
    wave = 1 + 0.05 * np.cos(5 * turn)
    rings = [
        (3.0 * at, np.stack([(190 + at / 10) * wave * np.cos(turn), 120 * wave * np.sin(turn)], axis=1))
        for at in range(150)
    ]
    grid = Grid(origin=np.array([-230.3, -150.7, -6.1]), axes=np.eye(3), spacing=np.full(3, 3.0), shape=(154, 101, 154))
    squares = [((grid.origin[axis] + 3.0 * np.arange(grid.shape[2 - axis])) - 20) ** 2 for axis in range(3)]
    distance = squares[0] + squares[1][:, None] + squares[2][:, None, None]
    return shape_from(rings), Volume(grid=grid, values=60 * np.exp(-distance / (2 * 50.0**2)))


if __name__ == "__main__":
    dvh_keys()  # loads the compiled code
    print(json.dumps(dvh_keys()))
