"""A beam from matRad's photon machine file (https://github.com/e0404/matRad, `photons_Generic.mat`).

What its fields mean, as matRad's engine uses them: `kernel` has for each distance from source to skin (`SSD`) one
kernel per component, at `kernelPos` millimetres from the pencil in the isocentre's plane; `primaryFluence` has
millimetres and relative fluence; `penumbraFWHMatIso` is the source's blur there, `m` and `betas` per millimetre.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.apps.radiotherapy.model.machines.mat_files import Content, Structures, read_variables
from tianfu.apps.radiotherapy.model.machines.soundness import COMPONENTS_MOST, refuse_unless_beam
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats


def read_pencil_beam(data: bytes) -> PencilBeam:
    """The beam of a photon machine as matRad writes it; its tables cannot be written to.

    Raises Refusal: those of `read_variables` for what is no such file, `machine-field-missing` with the element,
    `machine-not-photons`, or those of `refuse_unless_beam`.
    """
    (machine,) = _structures(read_variables(data), "machine", count=1)
    (meta,), (table,) = _structures(machine, "meta", count=1), _structures(machine, "data", count=1)
    if meta.get("radiationMode") != "photons":
        raise Refusal("machine-not-photons")
    betas = _row(table, "betas")
    beam = PencilBeam(
        energy_mv=_number(table, "energy"),
        axis_mm=_number(meta, "SAD"),
        collimator_mm=_number(meta, "SCD"),
        radius_mm=_row(table, "kernelPos"),
        beta_per_mm=betas,
        attenuation_per_mm=_number(table, "m"),
        primary=_numbers(table, "primaryFluence"),
        penumbra_fwhm_mm=_number(table, "penumbraFWHMatIso"),
        **_kernels(_structures(table, "kernel"), len(betas)),
    )
    refuse_unless_beam(beam)
    return beam


def _kernels(entries: Structures, components: int) -> dict[str, Floats]:
    names = [f"kernel{number}" for number in range(1, min(components, COMPONENTS_MOST) + 1)]
    rows = [[_row(entry, name) for name in names] for entry in entries]
    lengths = {len(row) for entry in rows for row in entry}
    is_surplus = any(f"kernel{len(names) + 1}" in entry for entry in entries)
    if len(lengths) != 1 or is_surplus:
        raise Refusal("beam-of-wrong-shape", details={"element": "kernels"})
    surfaces = np.array([_number(entry, "SSD") for entry in entries])
    return {"surfaces_mm": _fixed(surfaces), "kernels": _fixed(np.array(rows, dtype=np.float64))}


def _structures(within: dict[str, Content], name: str, *, count: int | None = None) -> Structures:
    found = within.get(name)
    is_fit = isinstance(found, list) and bool(found) and all(isinstance(each, dict) for each in found)
    if not is_fit or (count is not None and len(cast("Structures", found)) != count):
        raise _missing(name)
    return cast("Structures", found)


def _numbers(within: dict[str, Content], name: str) -> Floats:
    found = within.get(name)
    if not isinstance(found, np.ndarray):
        raise _missing(name)
    return _fixed(np.ascontiguousarray(found, dtype=np.float64))


def _row(within: dict[str, Content], name: str) -> Floats:
    return _fixed(_numbers(within, name).ravel())


def _number(within: dict[str, Content], name: str) -> float:
    row = _row(within, name)
    if row.size != 1:
        raise _missing(name)
    return float(row[0])


def _missing(name: str) -> Refusal:
    return Refusal("machine-field-missing", details={"element": name})


def _fixed(values: Floats) -> Floats:
    values.flags.writeable = False
    return values
