"""Which parts of a structure hang together from plane to plane."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tianfu.apps.radiotherapy.model.polygons import area_of, parts_of, rings_of
from tianfu.apps.radiotherapy.model.shapes import Plane, Shape

GAP_STEPS = 1.5
"""Planes further apart than so many steps have a slice missing between them: a rounded two is more. [ours]"""


def connected_parts(shape: Shape, *, step_mm: float) -> list[Shape]:
    """The parts that overlap from plane to plane, by their lowest plane; a gap of more than 1.5 steps divides."""
    parts = [parts_of(area_of(plane.rings)) for plane in shape.planes]
    numbered = [(plane, part) for plane, found in enumerate(parts) for part in found]
    keys = [(plane, n) for plane, found in enumerate(parts) for n in range(len(found))]
    number_of = {key: number for number, key in enumerate(keys)}
    links = [
        (number_of[lower, n], number_of[upper, m])
        for lower, upper in pairwise(range(len(parts)))
        if shape.planes[upper].z_mm - shape.planes[lower].z_mm <= GAP_STEPS * step_mm
        for n, m in _overlapping(parts[lower], parts[upper])
    ]
    if not numbered:
        return []
    return _gathered(shape, numbered, links)


def _overlapping(lower: list[shapely.Polygon], upper: list[shapely.Polygon]) -> list[tuple[int, int]]:
    return [(n, m) for n, one in enumerate(lower) for m, other in enumerate(upper) if one.intersects(other)]


def _gathered(shape: Shape, numbered: list[tuple[int, shapely.Polygon]], links: list[tuple[int, int]]) -> list[Shape]:
    count = len(numbered)
    ones = coo_array(([1] * len(links), tuple(zip(*links, strict=True)) if links else ([], [])), shape=(count, count))
    _, labels = connected_components(ones, directed=False)
    found: dict[int, dict[int, list[shapely.Polygon]]] = defaultdict(lambda: defaultdict(list))
    for label, (plane, part) in zip(labels.tolist(), numbered, strict=True):
        found[label][plane].append(part)
    return [
        Shape(
            planes=tuple(
                Plane(z_mm=shape.planes[plane].z_mm, rings=rings_of(shapely.MultiPolygon(parts)))
                for plane, parts in sorted(planes.items())
            )
        )
        for planes in found.values()
    ]
