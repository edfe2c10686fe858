"""Grids in several orientations, and what is read back from a drawing."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree as ET

import numpy as np
from demo.radiotherapy.made import Drawn, structure_of_shape
from numpy.typing import NDArray
from PIL import Image

from tests.apps.radiotherapy.model.solids import sphere
from tianfu.standards.dicom.grids import Floats, Grid
from tianfu.standards.dicom.structures import Structure

ORIENTATIONS = {
    "axial": np.eye(3),
    "axial from the head down, face down": np.diag([-1.0, 1.0, -1.0]),
    "coronal": np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]]),
    "sagittal": np.array([[0, 1.0, 0], [0, 0, -1.0], [-1.0, 0, 0]]),
}
"""Rows are the patient's directions in which columns, rows and slices are counted."""

MIDDLE = np.array([12.0, -20.0, 31.0])
"""Where the grids' middle lies in the patient: nowhere near a zero that could hide a mistake."""


def grid_about(axes: Floats, *, spacing: tuple[float, float, float] = (1.0, 1.0, 3.0), side_mm: float = 90.0) -> Grid:
    """A cube of voxels about `MIDDLE`."""
    columns, rows, slices = (round(side_mm / step) + 1 for step in spacing)
    half = np.array(spacing) * (np.array([columns, rows, slices]) - 1) / 2
    return Grid(origin=MIDDLE - half @ axes, axes=axes, spacing=np.array(spacing), shape=(slices, rows, columns))


def ball(grid: Grid, *, radius: float, about: Floats = MIDDLE, name: str = "Ball") -> Structure:
    """A sphere drawn on the slices of a grid."""
    x, y, z = grid.local(about).tolist()
    shape = sphere(radius, x=x, y=y, z=z, step=float(grid.spacing[2]))
    return structure_of_shape(1, Drawn(name=name, kind="ORGAN", colour=(1, 2, 3)), shape, grid)


def pixels_of(png: bytes) -> NDArray[np.uint8]:
    """What a reader of PNG sees."""
    return np.asarray(Image.open(io.BytesIO(png)))


def read_svg(drawing: str) -> ET.Element:
    """The drawing as XML; fails if it is none."""
    return ET.fromstring(drawing)  # noqa: S314 - made by the code under test


def of_class(root: ET.Element, css_class: str) -> list[ET.Element]:
    """All elements that have a class."""
    return [each for each in root.iter() if css_class in each.get("class", "").split()]


def points_of(element: ET.Element) -> Floats:
    """The corners of a path of lines."""
    found = re.findall(r"(-?[\d.]+),(-?[\d.]+)", element.get("d", ""))
    return np.array([[float(x), float(y)] for x, y in found])


def words_of(root: ET.Element) -> list[str]:
    """All that is written in a drawing."""
    return [each.text or "" for each in root.iter() if each.tag.endswith("}text")]
