"""How exact and how fast plans are read and judged: `python -m bench radiotherapy_evaluate`.

Each figure stands beside its truth or its peer: gamma's converged value, closed forms of dose-volume histograms, the
points that were written.  With `peers`, pymedphys and dicompyler-core take turns with ours in environments of their
own; one that cannot be installed is told, and the rest goes on.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

from bench.machine import machine
from bench.peers import PeerMissingError
from bench.radiotherapy_dvh import dvh_keys
from bench.radiotherapy_dvh_beside import dvh_rows
from bench.radiotherapy_gamma import gamma_keys, peer_gamma
from bench.saying import say
from bench.structures import IMAGE, STEP_MM, organ
from tianfu.apps.radiotherapy.model.masks import mask_of
from tianfu.apps.radiotherapy.model.shapes import shape_of
from tianfu.standards.dicom.cases import read_case
from tianfu.standards.dicom.doses import Dose, write_dose
from tianfu.standards.dicom.encoding import decode
from tianfu.standards.dicom.grids import Floats, Grid, Volume
from tianfu.standards.dicom.headers import Header, Patient, Series, Study
from tianfu.standards.dicom.images import ImageSeries, write_images
from tianfu.standards.dicom.structure_sets import (
    ReferencedImages,
    StructureSet,
    read_structure_set,
    write_structure_set,
)
from tianfu.standards.dicom.structures import Ring, Structure

Result = dict[str, object]

ROUNDS = 5
OBJECT_BYTES_MAX = 1 << 30
VOXELS_MAX = 1 << 28
PERSON = Patient(name="示例^病例", number="MADE-UP-1", birth_date="19600101", sex="O")
HOLED_STEP_MM = 2.5


def radiotherapy_evaluate(*, with_peers: bool) -> Result:
    """Measure everything once."""
    started = time.monotonic()
    result: Result = {"machine": machine()}
    say("gamma")
    result |= gamma_keys()
    say("dose-volume histograms")
    result |= dvh_keys()
    say("structures")
    result |= {"rtstruct_roundtrip_mm": _roundtrip_mm(), "mask_ms_per_roi": _mask_ms()}
    say("a case of 150 slices")
    result |= _case_seconds()
    if with_peers:
        result |= _beside_peers()
    result["seconds"] = round(time.monotonic() - started, 1)
    return result


def _beside_peers() -> Result:
    """What was measured in turns with others, and a sentence for each of them that does not run here."""
    result: Result = {}
    missing: list[str] = []
    measured: tuple[tuple[str, Callable[[], Result]], ...] = (
        ("pymedphys", lambda: dict(peer_gamma())),
        ("dicompyler-core", lambda: {"dvh_beside": dvh_rows()}),
    )
    for peer, measure in measured:
        say(f"{peer} in its own environment")
        try:
            result |= measure()
        except PeerMissingError as error:
            missing.append(str(error))
    return result | {"peers_missing": missing}


def _median(work: Callable[[], object]) -> float:
    """Seconds, the median of some runs after a first one, which may compile."""
    work()
    return statistics.median(_once(work) for _ in range(ROUNDS))


def _once(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _mask_ms() -> float:
    """From rings in the patient to the mask of an organ of 80 mm on 512 x 512 x 150 voxels."""
    drawn = organ(40.0, x_mm=60.0)
    return round(_median(lambda: mask_of(shape_of(drawn, IMAGE), IMAGE, step_mm=STEP_MM).full()) * 1000, 1)


def _header(kind: str, frame: str | None) -> Header:
    return Header(
        patient=PERSON, study=Study(uid="2.25.1001"), series=Series(uid=f"2.25.1002.{len(kind)}"), frame=frame
    )


def _roundtrip_mm() -> float:
    """The farthest that any point of a set with holes moved by being written and read; infinite if a ring was lost."""
    before = (_holed(2), organ(33.3, x_mm=-77.123456))
    written = write_structure_set(_set_of(before, ()))
    after = read_structure_set(decode(written, bytes_max=OBJECT_BYTES_MAX)).value.structures
    if [len(each.rings) for each in before] != [len(each.rings) for each in after]:
        return float("inf")
    pairs = [
        (one.points, other.points)
        for was, now in zip(before, after, strict=True)
        for one, other in zip(was.rings, now.rings, strict=True)
    ]
    return round(max(_farthest(one, other) for one, other in pairs), 6)


def _farthest(one: Floats, other: Floats) -> float:
    return float(np.linalg.norm(one - other, axis=1).max()) if one.shape == other.shape else float("inf")


def _holed(number: int) -> Structure:
    """A tube: in each plane a ring, and a ring in it that takes its inside away."""
    angles = np.linspace(0, 2 * np.pi, 360, endpoint=False)
    rings = [
        Ring(
            points=np.column_stack([radius * np.cos(angles), radius * np.sin(angles), np.full(360, z)])
            + np.array([np.pi, -np.e, 0])
        )
        for z in np.arange(-50, 50, HOLED_STEP_MM)
        for radius in (30.0, 12.345678)
    ]
    return Structure(number=number, name="Tube", kind="ORGAN", colour=None, generation="", rings=tuple(rings))


def _set_of(structures: tuple[Structure, ...], images: tuple[ReferencedImages, ...]) -> StructureSet:
    return StructureSet(
        header=_header("RTSTRUCT", "2.25.1000"),
        instance="2.25.1003",
        label="MADE UP",
        date="20260101",
        time="120000",
        images=images,
        structures=structures,
    )


def _case_seconds() -> Result:
    """A CT of 150 slices of 512 x 512 voxels with structures and a dose, from bytes to values, links checked."""
    noise = np.random.default_rng(7).integers(-1000, 1500, IMAGE.shape, dtype=np.int16)
    series = ImageSeries(
        header=_header("CT", "2.25.1000"),
        instances=tuple(f"2.25.1004.{number}" for number in range(IMAGE.shape[0])),
        volume=Volume(grid=IMAGE, values=noise),
        position="HFS",
        thickness_mm=STEP_MM,
    )
    images = ReferencedImages(
        study=series.header.study.uid, series=series.header.series.uid, instances=series.instances
    )
    structures = tuple(
        Structure(number=n, name=f"Organ{n}", kind="ORGAN", colour=None, generation="", rings=organ(40.0, x_mm=n).rings)
        for n in range(1, 21)
    )
    grid = Grid(origin=np.full(3, -150.0), axes=np.eye(3), spacing=np.full(3, 2.5), shape=(120, 120, 120))
    dose = Dose(
        header=_header("RTDOSE-", "2.25.1000"),
        instance="2.25.1005",
        volume=Volume(grid=grid, values=np.random.default_rng(8).random(grid.shape, dtype=np.float32) * 60),
        kind="PHYSICAL",
        summation="PLAN",
    )
    contents = [*write_images(series), write_structure_set(_set_of(structures, (images,))), write_dose(dose)]
    reading = read_case(contents, bytes_max=OBJECT_BYTES_MAX, voxels_max=VOXELS_MAX)
    if len(reading.value.images[0].instances) != IMAGE.shape[0] or len(reading.value.structure_sets) != 1:
        raise SystemExit("the case was not read whole")
    seconds = _median(lambda: read_case(contents, bytes_max=OBJECT_BYTES_MAX, voxels_max=VOXELS_MAX))
    return {
        "read_case_seconds": round(seconds, 3),
        "read_case_megabytes": round(sum(map(len, contents)) / 1e6, 1),
        "read_case_objects": len(contents),
    }
