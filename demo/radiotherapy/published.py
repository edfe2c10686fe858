"""Phantoms and patients that others published, as cases: the files lie beside the project and are never copied in.

TG-119's C-shape as matRad has it (Ezzell et al. 2009, doi 10.1118/1.3238104; file of pyRadPlan, BSD-3); head-and-neck
patients of OpenKBP with their clinical dose (Babier et al. 2021, doi 10.1002/mp.14845; MIT).
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat

from demo.radiotherapy.made import Drawn, MadeCase, with_masks
from tianfu.standards.dicom.grids import Grid, Volume

TG119_FILE = "TG119.mat"
TG119_GY = 50.0
"""What 95 % of the C-shaped target is to get, in 25 fractions. [memory]"""

OPENKBP_SIDE = 128
OPENKBP_HU_SHIFT = 1024
"""Added to Hounsfield units so that none is negative; water and soft tissue then lie about 1,024. [inferred]"""

OPENKBP_GY = 70.0

TG119_DRAWN = {
    "BODY": Drawn(name="BODY", kind="EXTERNAL", colour=(90, 160, 90)),
    "OuterTarget": Drawn(name="PTV_5000", kind="PTV", colour=(200, 40, 40)),
    "Core": Drawn(name="Core", kind="AVOIDANCE", colour=(40, 90, 200)),
}
"""The file's names; the target is called as TG-263 has it."""

OPENKBP_DRAWN = {
    "Brainstem": Drawn(name="Brainstem", kind="ORGAN", colour=(120, 80, 180)),
    "SpinalCord": Drawn(name="SpinalCord", kind="ORGAN", colour=(240, 190, 40)),
    "RightParotid": Drawn(name="Parotid_R", kind="ORGAN", colour=(40, 150, 160)),
    "LeftParotid": Drawn(name="Parotid_L", kind="ORGAN", colour=(60, 110, 220)),
    "Esophagus": Drawn(name="Esophagus", kind="ORGAN", colour=(150, 110, 70)),
    "Larynx": Drawn(name="Larynx", kind="ORGAN", colour=(230, 130, 60)),
    "Mandible": Drawn(name="Bone_Mandible", kind="ORGAN", colour=(140, 140, 140)),
    "PTV56": Drawn(name="PTV_5600", kind="PTV", colour=(230, 150, 150)),
    "PTV63": Drawn(name="PTV_6300", kind="PTV", colour=(220, 90, 90)),
    "PTV70": Drawn(name="PTV_7000", kind="PTV", colour=(190, 30, 30)),
}


def tg119(folder: Path) -> MadeCase:
    """The C-shaped target around a core, 167 x 167 x 129 voxels of 3 x 3 x 2.5 mm; it has no dose."""
    file = loadmat(str(folder / TG119_FILE), struct_as_record=False)
    ct = file["ct"][0, 0]
    hounsfield = np.ascontiguousarray(np.transpose(np.rint(ct.cubeHU[0, 0]).astype(np.int16), (2, 0, 1)))
    grid = Grid(
        origin=np.array([float(getattr(ct, axis).ravel()[0]) for axis in "xyz"]),
        axes=np.eye(3),
        spacing=np.array([float(getattr(ct.resolution[0, 0], axis).ravel()[0]) for axis in "xyz"]),
        shape=hounsfield.shape,
    )
    case = MadeCase(
        name="TG-119 C-shape",
        ct=Volume(grid=grid, values=hounsfield),
        structures=(),
        dose=None,
        prescribed_gy=TG119_GY,
    )
    masks = {str(row[1].ravel()[0]): _matlab_mask(row[3], hounsfield.shape) for row in file["cst"]}
    return with_masks(case, TG119_DRAWN, masks, grid)


def _matlab_mask(cell: Any, shape: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Voxels by number as MATLAB counts them: from one, rows first, in an array of rows, columns and slices."""
    slices, rows, columns = shape
    inside = np.zeros(slices * rows * columns, dtype=np.bool_)
    inside[cell[0, 0].ravel().astype(np.int64) - 1] = True
    return np.ascontiguousarray(np.transpose(inside.reshape((rows, columns, slices), order="F"), (2, 0, 1)))


def openkbp(folder: Path) -> MadeCase:
    """One patient: 128 x 128 x 128 voxels, with the dose on the image's grid.

    The files count rows, columns and slices from head to feet; which way each goes was seen from where the parotids
    and the brainstem lie.
    """
    dose = openkbp_dose(folder)
    grid = dose.grid
    hounsfield = np.rint(openkbp_voxels(folder / "ct.csv.gz")).astype(np.int16) - np.int16(OPENKBP_HU_SHIFT)
    case = MadeCase(
        name=f"OpenKBP {folder.name}",
        ct=Volume(grid=grid, values=hounsfield),
        structures=(),
        dose=dose,
        prescribed_gy=OPENKBP_GY,
    )
    masks = {
        name: openkbp_voxels(folder / f"{name}.csv.gz") > 0
        for name in OPENKBP_DRAWN
        if (folder / f"{name}.csv.gz").exists()
    }
    return with_masks(case, OPENKBP_DRAWN, masks, grid)


def openkbp_dose(folder: Path) -> Volume[np.float32]:
    """The clinical dose of one patient, on the grid of his image."""
    spacing = np.array([float(each) for each in _text(folder / "voxel_dimensions.csv.gz").split()])
    grid = Grid(
        origin=np.append(-(OPENKBP_SIDE - 1) / 2 * spacing[:2], 0.0),
        axes=np.eye(3),
        spacing=spacing,
        shape=(OPENKBP_SIDE, OPENKBP_SIDE, OPENKBP_SIDE),
    )
    return Volume(grid=grid, values=openkbp_voxels(folder / "dose.csv.gz").astype(np.float32))


def openkbp_voxels(file: Path) -> NDArray[np.float64]:
    """Numbers of voxels and their values, 1 where none is written, as slices from the feet up, rows and columns."""
    values = np.zeros(OPENKBP_SIDE**3)
    for line in _text(file).splitlines()[1:]:
        number, _, value = line.partition(",")
        values[int(number)] = float(value) if value else 1.0
    cube = values.reshape((OPENKBP_SIDE,) * 3)
    return np.ascontiguousarray(np.transpose(cube, (2, 0, 1))[::-1])


def _text(file: Path) -> str:
    return gzip.decompress(file.read_bytes()).decode("ascii")
