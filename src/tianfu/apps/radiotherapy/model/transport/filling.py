"""The inside of the pencil beam: how many doses each voxel has, and what they are.

A dose is the inverse square times, for each component, depth's share times the spread of the beamlet at its distance
from the voxel, both seen from the source in the plane of the isocentre.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.compiled import compiled_in_parallel, compiled_into_callers
from tianfu.standards.dicom.grids import Floats

Reals = NDArray[np.float32]
Whole = NDArray[np.int64]

CHUNK = 512
"""Voxels that a thread takes at once."""

MOST = 65_535


@compiled_into_callers
def seen(beam: Floats, flat: int, shape: tuple[int, int, int], axis_mm: float) -> tuple[float, float, float]:
    """A voxel in the plane of the isocentre, and its distance from the source along the axis."""
    i, j, k = flat % shape[2], flat // shape[2] % shape[1], flat // (shape[2] * shape[1])
    below = beam[2, 0] * i + beam[2, 1] * j + beam[2, 2] * k + beam[2, 3]
    x = beam[0, 0] * i + beam[0, 1] * j + beam[0, 2] * k + beam[0, 3]
    y = beam[1, 0] * i + beam[1, 1] * j + beam[1, 2] * k + beam[1, 3]
    return x * axis_mm / below, y * axis_mm / below, below


@compiled_into_callers
def inverse_square(x_mm: float, y_mm: float, below_mm: float, axis_mm: float) -> float:
    """Of the distance from the source along the ray through a place of the isocentre's plane, 1 at the isocentre."""
    longer = 1.0 + (x_mm * x_mm + y_mm * y_mm) / (axis_mm * axis_mm)
    return axis_mm * axis_mm / (below_mm * below_mm * longer)


@compiled_into_callers
def _columns(aside: float, x_mm: float, reach_mm: float, size_mm: float) -> tuple[int, int]:
    """The first column within reach in a row that is so far away, and the first beyond; `x_mm` is from column 0."""
    half = np.sqrt(max(reach_mm * reach_mm - aside * aside, 0.0))
    return int(np.ceil((x_mm - half) / size_mm)), int(np.floor((x_mm + half) / size_mm)) + 1


@compiled_into_callers
def _widths(field_rows: Whole, row_stretches: Whole, stretches: Whole) -> Floats:
    """The last column of each field."""
    widths = np.zeros(len(field_rows) - 1)
    for field in range(len(widths)):
        for stretch in range(row_stretches[field_rows[field]], row_stretches[field_rows[field + 1]]):
            widths[field] = max(widths[field], stretches[stretch, 0] + stretches[stretch, 1] - 1)
    return widths


@compiled_in_parallel
def count(
    beams: Floats,
    axis_mm: float,
    shape: tuple[int, int, int],
    voxels: NDArray[np.int32],
    first_mm: Floats,
    field_rows: Whole,
    row_stretches: Whole,
    stretches: Whole,
    lengths: Floats,
) -> Whole:
    """For each voxel (V, 2) how many runs and how many doses it has; `lengths` are the size and the reach."""
    size_mm, reach_mm = lengths[0], lengths[1]
    counts = np.zeros((len(voxels), 2), np.int64)
    widths_mm = _widths(field_rows, row_stretches, stretches) * size_mm
    for place in numba.prange(len(voxels)):
        runs = 0
        doses = 0
        after = -1
        for field in range(len(beams)):
            x, y, _ = seen(beams[field], voxels[place], shape, axis_mm)
            x, y = x - first_mm[field, 0], y - first_mm[field, 1]
            if x < -reach_mm or x > widths_mm[field] + reach_mm:
                continue
            rows = field_rows[field + 1] - field_rows[field]
            low = max(int(np.ceil((y - reach_mm) / size_mm)), 0)
            high = min(int(np.floor((y + reach_mm) / size_mm)) + 1, rows)
            for row in range(low, high):
                left, right = _columns(row * size_mm - y, x, reach_mm, size_mm)
                number = field_rows[field] + row
                for stretch in range(row_stretches[number], row_stretches[number + 1]):
                    begin = max(left, stretches[stretch, 0])
                    end = min(right, stretches[stretch, 0] + stretches[stretch, 1])
                    if begin < end:
                        beamlet = stretches[stretch, 2] + begin - stretches[stretch, 0]
                        # The end of one row and the beginning of the next may be one run.
                        runs += 1 if beamlet != after else 0
                        doses += end - begin
                        after = beamlet + end - begin
        counts[place, 0] = runs
        counts[place, 1] = doses
    return counts


@compiled_in_parallel
def fill(
    beams: Floats,
    axis_mm: float,
    shape: tuple[int, int, int],
    voxels: NDArray[np.int32],
    first_mm: Floats,
    field_rows: Whole,
    row_stretches: Whole,
    stretches: Whole,
    lengths: Floats,
    depths: Reals,
    depth_terms: Floats,
    spreads: Reals,
    strength: Reals,
    voxel_runs: Whole,
    voxel_values: Whole,
    run_beamlets: NDArray[np.uint16],
    run_values: NDArray[np.int32],
    values: NDArray[np.uint16],
    scale: Reals,
) -> None:
    """Write runs, doses and scales of all voxels.

    `depths` (F, V) are radiological, `depth_terms` (C + 1) each component's beta and the attenuation, `spreads`
    (F, phases, phases, C, places, places) those of `phases` with the middle last but one place over two, and
    `strength` (B) what each beamlet is multiplied with.
    """
    size_mm, reach_mm = lengths[0], lengths[1]
    components, places = spreads.shape[3], spreads.shape[4]
    middle = places // 2
    finer = spreads.shape[1] - 1
    attenuation = depth_terms[components]
    plane = places * places
    to_right = components * plane
    to_above = (finer + 1) * to_right
    flat = spreads.ravel()
    widths_mm = _widths(field_rows, row_stretches, stretches) * size_mm
    chunks = (len(voxels) + CHUNK - 1) // CHUNK
    for chunk in numba.prange(chunks):
        doses = np.zeros(len(strength) + 1, np.float32)
        around = np.empty(plane, np.float32)
        as_whole = doses.view(np.int32)
        share = np.zeros(components)
        for place in range(chunk * CHUNK, min((chunk + 1) * CHUNK, len(voxels))):
            found = 0
            run = voxel_runs[place]
            start = voxel_values[place]
            after = -1
            for field in range(len(beams)):
                x, y, below = seen(beams[field], voxels[place], shape, axis_mm)
                square = inverse_square(x, y, below, axis_mm)
                x, y = x - first_mm[field, 0], y - first_mm[field, 1]
                if x < -reach_mm or x > widths_mm[field] + reach_mm:
                    continue
                rows = field_rows[field + 1] - field_rows[field]
                low = max(int(np.ceil((y - reach_mm) / size_mm)), 0)
                high = min(int(np.floor((y + reach_mm) / size_mm)) + 1, rows)
                if low >= high:
                    continue
                depth = max(np.float64(depths[field, place]), 0.0)
                fading = np.exp(-attenuation * depth)
                for component in range(components):
                    beta = depth_terms[component]
                    share[component] = square * beta / (beta - attenuation) * (fading - np.exp(-beta * depth))
                from_x, from_y = np.floor(-x / size_mm), np.floor(-y / size_mm)
                phase_x, phase_y = (-x / size_mm - from_x) * finer, (-y / size_mm - from_y) * finer
                px, py = min(int(phase_x), finer - 1), min(int(phase_y), finer - 1)
                fx, fy = phase_x - px, phase_y - py
                base = middle + int(from_x)
                here = ((field * (finer + 1) + py) * (finer + 1) + px) * to_right
                here += (middle + int(from_y) + low) * places
                length = (high - low) * places
                sums = around[:length]
                for component in range(components):
                    one = np.float32(share[component] * (1 - fx) * (1 - fy))
                    two = np.float32(share[component] * fx * (1 - fy))
                    three = np.float32(share[component] * (1 - fx) * fy)
                    four = np.float32(share[component] * fx * fy)
                    begin = here + component * plane
                    a = flat[begin : begin + length]
                    b = flat[begin + to_right : begin + to_right + length]
                    c = flat[begin + to_above : begin + to_above + length]
                    d = flat[begin + to_right + to_above : begin + to_right + to_above + length]
                    if component == 0:
                        for i in range(length):
                            sums[i] = one * a[i] + two * b[i] + three * c[i] + four * d[i]
                    else:
                        for i in range(length):
                            sums[i] += one * a[i] + two * b[i] + three * c[i] + four * d[i]
                for row in range(low, high):
                    left, right = _columns(row * size_mm - y, x, reach_mm, size_mm)
                    number = field_rows[field] + row
                    for stretch in range(row_stretches[number], row_stretches[number + 1]):
                        begin = max(left, stretches[stretch, 0])
                        end = min(right, stretches[stretch, 0] + stretches[stretch, 1])
                        if begin >= end:
                            continue
                        beamlet = stretches[stretch, 2] + begin - stretches[stretch, 0]
                        if beamlet != after:
                            run_beamlets[run] = beamlet
                            run_values[run] = start + found
                            run += 1
                        given = around[(row - low) * places + base + begin :]
                        mine = doses[found:]
                        theirs = strength[beamlet:]
                        for i in range(end - begin):
                            mine[i] = max(given[i] * theirs[i], np.float32(0.0))
                        found += end - begin
                        after = beamlet + end - begin
            # No dose is negative, and of such numbers the larger has the larger bits: whole numbers compare faster.
            largest = 0
            for i in range(found):
                largest = max(largest, as_whole[i])
            as_whole[len(doses) - 1] = largest
            most = doses[len(doses) - 1]
            scale[place] = most / np.float32(MOST)
            factor = np.float32(MOST) / most if most > 0 else np.float32(0.0)
            mine_values = values[start : start + found]
            for i in range(found):
                mine_values[i] = np.uint16(np.int32(doses[i] * factor + np.float32(0.5)))
