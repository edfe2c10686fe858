"""Photon machine files of matRad, sound and hostile."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from demo.radiotherapy.machines import made_beam
from hypothesis import given, settings
from hypothesis import strategies as st

from tianfu.apps.radiotherapy.model.machines import mat_files
from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.apps.radiotherapy.model.machines.kernels_mat import read_pencil_beam
from tianfu.apps.radiotherapy.model.machines.mat_files import read_variables
from tianfu.kernel.refusal import Refusal

GENERIC = Path(__file__).parents[6] / "shared/data/radiotherapy/photons_Generic.mat"
HEADER = b"MATLAB 5.0".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
MATRIX, COMPRESSED, CELL = 14, 15, 1


def fields(beam: PencilBeam) -> dict[str, Any]:
    """The beam as matRad's `machine`."""
    kernel = [
        {"SSD": surface, **{f"kernel{number + 1}": row for number, row in enumerate(rows)}}
        for surface, rows in zip(beam.surfaces_mm, beam.kernels, strict=True)
    ]
    forms = dict.fromkeys(kernel[0], "O")
    table = np.zeros((1, len(kernel)), dtype=list(forms.items()))
    for place, entry in enumerate(kernel):
        for name, value in entry.items():
            table[0, place][name] = value
    data = {
        "betas": beam.beta_per_mm,
        "energy": np.uint8(beam.energy_mv),
        "m": beam.attenuation_per_mm,
        "primaryFluence": beam.primary,
        "kernel": table,
        "kernelPos": beam.radius_mm,
        "penumbraFWHMatIso": beam.penumbra_fwhm_mm,
    }
    return {"meta": {"radiationMode": "photons", "SAD": beam.axis_mm, "SCD": beam.collimator_mm}, "data": data}


def mat_file(machine: dict[str, Any], *, compressed: bool = False) -> bytes:
    file = io.BytesIO()
    scipy.io.savemat(file, {"machine": machine}, do_compression=compressed)
    return file.getvalue()


SMALL = mat_file(fields(made_beam(spacing_mm=60.0)))


def element(kind: int, content: bytes) -> bytes:
    padding = b"" if kind == COMPRESSED else b"\0" * (-len(content) % 8)
    return struct.pack("<II", kind, len(content)) + content + padding


def cells(depth: int) -> bytes:
    """A cell within a cell within a cell."""
    head = element(6, struct.pack("<II", CELL, 0)) + element(5, struct.pack("<ii", 1, 1)) + element(1, b"")
    levels, length = [], 0
    for _ in range(depth):
        length += len(head)
        levels.append(struct.pack("<II", MATRIX, length) + head)
        length += 8
    return b"".join(reversed(levels))


def refusal_of(data: bytes) -> Refusal:
    with pytest.raises(Refusal) as refused:
        read_pencil_beam(data)
    return refused.value


@pytest.mark.parametrize("compressed", [False, True])
def test_a_beam_written_as_matrad_does_is_read_as_it_was(compressed: bool) -> None:
    beam = made_beam()
    read = read_pencil_beam(mat_file(fields(beam), compressed=compressed))
    for name, value in vars(beam).items():
        assert np.array_equal(getattr(read, name), value), name
    assert not read.kernels.flags.writeable


@pytest.mark.skipif(not GENERIC.exists(), reason="the shared data folder is not there")
def test_matrads_generic_machine_is_read_as_scipy_reads_it() -> None:
    beam = read_pencil_beam(GENERIC.read_bytes())
    data = scipy.io.loadmat(GENERIC)["machine"]["data"][0, 0]
    entries = data["kernel"][0, 0][0]
    assert np.array_equal(beam.kernels, [[entry[f"kernel{c}"].ravel() for c in (1, 2, 3)] for entry in entries])
    assert (beam.energy_mv, beam.axis_mm, beam.collimator_mm, beam.penumbra_fwhm_mm) == (6, 1000, 500, 5)
    assert (beam.surfaces_mm[0], beam.surfaces_mm[-1], beam.primary.shape) == (500, 1000, (38, 2))


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, len(SMALL) - 1), by=st.integers(1, 255))
def test_a_changed_byte_gives_a_beam_or_a_refusal_and_nothing_else(at: int, by: int) -> None:
    data = bytearray(SMALL)
    data[at] ^= by
    try:
        read_pencil_beam(bytes(data))
    except Refusal as refusal:
        assert refusal.code.startswith(("machine-", "beam-"))  # noqa: PT017 - a beam is an answer too


@settings(max_examples=60, deadline=None)
@given(length=st.integers(0, len(SMALL) - 9))
def test_a_file_that_is_cut_off_is_refused(length: int) -> None:
    assert refusal_of(SMALL[:length]).code in {"machine-file-not-understood", "machine-field-missing"}


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=300), is_headed=st.booleans())
def test_whatever_else_is_refused(data: bytes, is_headed: bool) -> None:
    assert refusal_of(HEADER + data if is_headed else data).code.startswith("machine-")


def test_cells_without_end_are_refused_and_do_not_end_the_program() -> None:
    assert refusal_of(HEADER + cells(100_000)).details["problem"] == f"nested deeper than {mat_files.DEPTH_MOST}"


def test_a_file_that_swells_is_refused() -> None:
    bomb = HEADER + element(COMPRESSED, zlib.compress(bytes(mat_files.INFLATED_BYTES_MOST + 1), level=1))
    assert len(bomb) < mat_files.BYTES_MOST
    assert refusal_of(bomb).code == "machine-file-too-large"


def test_too_large_a_file_is_not_even_looked_at() -> None:
    assert refusal_of(bytes(mat_files.BYTES_MOST + 1)).code == "machine-file-too-large"


def test_too_many_parts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mat_files, "PARTS_MOST", 1_000)
    many = HEADER + element(MATRIX, b"") * (mat_files.PARTS_MOST + 1)
    assert refusal_of(many).code == "machine-file-too-large"


def test_the_other_order_of_bytes_is_read_too() -> None:
    numbers = struct.pack(">IIIIIIiiIIIId", 6, 8, 6, 0, 5, 8, 1, 1, 1, 0, 9, 8, 2.5)
    data = b"".ljust(124) + struct.pack(">H", 0x0100) + b"MI" + struct.pack(">II", MATRIX, len(numbers)) + numbers
    assert read_variables(data)[""] == np.array([[2.5]])


@pytest.mark.parametrize(
    ("where", "name", "value", "code", "detail"),
    [
        ("data", "m", np.nan, "beam-not-finite", "attenuation_per_mm"),
        ("data", "m", 0.0, "beam-out-of-range", "attenuation_per_mm"),
        ("data", "m", 0.0065, "beam-beta-below-attenuation", "beta_per_mm"),
        ("data", "m", [0.005, 0.005], "machine-field-missing", "m"),
        ("data", "betas", [0.3, 0.02], "beam-of-wrong-shape", "kernels"),
        ("data", "betas", [0.3, 0.02, 0.01, 0.01], "machine-field-missing", "kernel4"),
        ("data", "betas", [], "beam-of-wrong-shape", "kernels"),
        ("data", "kernelPos", [0.0, 1.0, 2.0, 3.0], "beam-of-wrong-shape", "kernels"),
        ("data", "kernel", "words", "machine-field-missing", "kernel"),
        ("data", "primaryFluence", [[0.0, 1.0], [0.0, 1.0]], "beam-not-ascending", "primary"),
        ("data", "primaryFluence", [[0.0, 0.0], [9.0, 1.0]], "beam-out-of-range", "primary"),
        ("data", "penumbraFWHMatIso", 1e300, "beam-out-of-range", "penumbra_fwhm_mm"),
        ("data", "energy", "six", "machine-field-missing", "energy"),
        ("meta", "SAD", 400.0, "beam-out-of-range", "collimator_mm"),
    ],
)
def test_what_no_beam_can_be_is_refused(where: str, name: str, value: object, code: str, detail: str) -> None:
    machine = fields(made_beam(spacing_mm=60.0))
    machine[where][name] = value
    refusal = refusal_of(mat_file(machine))
    assert (refusal.code, refusal.details["element"]) == (code, detail)


def test_radii_and_distances_must_grow() -> None:
    beam = made_beam(spacing_mm=60.0)
    for name, values in {"radius_mm": [0.0, 9.0, 9.0], "surfaces_mm": [500.0, 900.0, 600.0]}.items():
        machine = fields(PencilBeam(**{**vars(beam), name: np.array(values)}))
        assert refusal_of(mat_file(machine)).details == {"element": name}


def test_a_machine_for_protons_is_no_photon_machine() -> None:
    machine = fields(made_beam(spacing_mm=60.0))
    machine["meta"]["radiationMode"] = "protons"
    assert refusal_of(mat_file(machine)).code == "machine-not-photons"
