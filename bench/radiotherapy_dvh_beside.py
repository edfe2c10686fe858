"""Our histograms beside dicompyler-core's, in turns and from the same files: `python -m bench.radiotherapy_dvh_beside`.

Spheres of 50, 12 and 5 mm radius with contours every 3, 3 and 1 mm lie in a dose on a grid of 3 mm that grows by
2 Gy/cm; for small structures dicompyler-core is said to find no dose at all at D97 to D99 (its own issue 340).
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np

from bench.peers import asked
from bench.radiotherapy_dvh import Case, circle, figures_in_truth, linear_dose, volume_in_truth_cc
from tianfu.apps.radiotherapy.model.dvh import dose_volume_histogram
from tianfu.apps.radiotherapy.model.dvh_figures import dose_at_percent
from tianfu.apps.radiotherapy.model.shapes import shape_from, shape_of
from tianfu.standards.dicom.doses import Dose, read_dose, write_dose
from tianfu.standards.dicom.encoding import decode
from tianfu.standards.dicom.grids import Floats, Grid, Volume
from tianfu.standards.dicom.headers import Header, Patient, Series, Study
from tianfu.standards.dicom.structure_sets import StructureSet, read_structure_set, write_structure_set
from tianfu.standards.dicom.structures import Ring, Structure

PEER = "dicompyler-core"
PROGRAM = Path(__file__).resolve().parent / "radiotherapy_dvh_peer.py"
SPHERES_MM = ((50.0, 3.0), (12.0, 3.0), (5.0, 1.0))
"""Radius, and distance of the planes."""

FIRST_PLANE = 0.4
"""Of that distance, above the lower pole."""

DIRECTION = np.array([1.0, 2.0, 2.0]) / 3
ROUNDS = 3
BYTES_MAX = 1 << 28
VOXELS_MAX = 1 << 24
FRAME = Grid(origin=np.zeros(3), axes=np.eye(3), spacing=np.ones(3), shape=(1, 1, 1))

Figures = dict[str, float]
Row = dict[str, str | float]


def dvh_rows(rounds: int = ROUNDS) -> list[Row]:
    """For each sphere and who computed: errors of volume, mean, D99 and D95 against closed forms, and milliseconds.

    Raises PeerMissingError.
    """
    cases = list(_cases())
    found: dict[str, list[list[Figures]]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        files = _written(cases, Path(scratch))
        for _ in range(rounds):
            for way, figures in asked(PEER, PROGRAM, *files).items():
                found.setdefault(f"{PEER}, {way}", []).append(figures)
            found.setdefault("ours", []).append(_ours(files))
    return [
        _row(who, radius, case, [each[at] for each in turns])
        for at, ((radius, _), case) in enumerate(zip(SPHERES_MM, cases, strict=True))
        for who, turns in found.items()
    ]


def _cases() -> Iterable[Case]:
    chance = np.random.default_rng(340)
    for radius, step in SPHERES_MM:
        rings = [
            (float(z), circle(float(np.sqrt(radius**2 - z**2))))
            for z in np.arange(-radius + FIRST_PLANE * step, radius, step)
        ]
        yield Case(
            kind="sphere",
            low_mm=-radius,
            high_mm=radius,
            radius_at=partial(_radius_at, radius),
            shape=shape_from(rings),
            direction=DIRECTION,
            dose=linear_dose(chance, DIRECTION, radius + 10, spacing_mm=3.0),
        )


def _radius_at(radius: float, z: Floats) -> Floats:
    return np.sqrt(np.maximum(radius**2 - z**2, 0))


def _written(cases: list[Case], folder: Path) -> list[Path]:
    """One structure set with all spheres, and a dose for each."""
    drawn, *doses = (folder / f"{name}.dcm" for name in ("drawn", *range(len(cases))))
    structures = tuple(
        Structure(
            number=number,
            name=f"Sphere{number}",
            kind="PTV",
            colour=None,
            generation="",
            rings=tuple(
                Ring(points=np.column_stack([ring, np.full(len(ring), plane.z_mm)]))
                for plane in case.shape.planes
                for ring in plane.rings
            ),
        )
        for number, case in enumerate(cases, 1)
    )
    drawn.write_bytes(
        write_structure_set(
            StructureSet(
                header=_header(1),
                instance="2.25.3403",
                label="MADE UP",
                date="20260101",
                time="120000",
                images=(),
                structures=structures,
            )
        )
    )
    for number, (case, file) in enumerate(zip(cases, doses, strict=True)):
        volume = Volume(grid=case.dose.grid, values=case.dose.values.astype(np.float32))
        dose = Dose(header=_header(2), instance=f"2.25.3404.{number}", volume=volume, kind="PHYSICAL", summation="PLAN")
        file.write_bytes(write_dose(dose))
    return [drawn, *doses]


def _header(series: int) -> Header:
    person = Patient(name="示例^病例", number="MADE-UP-2", birth_date="19600101", sex="O")
    return Header(
        patient=person, study=Study(uid="2.25.3401"), series=Series(uid=f"2.25.3402.{series}"), frame="2.25.3400"
    )


def _ours(files: list[Path]) -> list[Figures]:
    drawn, *doses = (decode(file.read_bytes(), bytes_max=BYTES_MAX) for file in files)
    structures = read_structure_set(drawn).value.structures
    read = [read_dose(dose, voxels_max=VOXELS_MAX).value for dose in doses]
    return [_figures(structure, dose) for structure, dose in zip(structures, read, strict=True)]


def _figures(structure: Structure, dose: Dose) -> Figures:
    times = []
    for _ in range(ROUNDS + 1):
        started = time.perf_counter()
        found = dose_volume_histogram(shape_of(structure, FRAME), FRAME, dose.volume, slice_thickness_mm=None)
        times.append((time.perf_counter() - started) * 1000)
    return {
        "volume_cc": found.volume_cc,
        "mean_gy": found.mean_gy,
        "d99_gy": dose_at_percent(found, 99),
        "d95_gy": dose_at_percent(found, 95),
        "ms": statistics.median(times[1:]),
    }


def _row(who: str, radius: float, case: Case, turns: list[Figures]) -> Row:
    """The errors of the first turn, which are those of all, and the median of all times."""
    found, truth = turns[0], figures_in_truth(case)
    return {
        "radius_mm": radius,
        "who": who,
        "volume_error_percent": _rounded(100 * (found["volume_cc"] / volume_in_truth_cc(case) - 1), 2),
        "mean_error_gy": _rounded(found["mean_gy"] - truth["mean"], 3),
        "d99_error_gy": _rounded(found["d99_gy"] - truth["D99"], 3),
        "d95_error_gy": _rounded(found["d95_gy"] - truth["D95"], 3),
        "ms": round(statistics.median(each["ms"] for each in turns), 1),
    }


def _rounded(number: float, digits: int) -> float:
    """Without the sign of a zero."""
    return round(number, digits) + 0.0


if __name__ == "__main__":
    print(json.dumps(dvh_rows(), indent=1))
