"""A volume shown to a model piece by piece, overlapping, and its answers laid over each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]

STEP_SHARE = 0.5
"""Pieces begin after so much of one; usual for sliding windows of this kind. [memory]"""


def starts(length: int, piece: int) -> tuple[int, ...]:
    """Where pieces of a side begin so that they overlap by half or more and none reaches beyond its end."""
    if length <= piece:
        return (0,)
    count = int(np.ceil((length - piece) / (piece * STEP_SHARE))) + 1
    return tuple(int(start) for start in np.rint(np.linspace(0, length - piece, count)))


def weights_of(patch: Sequence[int]) -> Singles:
    """How much an answer counts: most in a piece's middle, least at its rim, never nothing."""
    sides = [1 - np.abs(np.arange(length) - (length - 1) / 2) / (length / 2 + 0.5) for length in patch]
    return np.asarray(np.einsum("i,j,k->ijk", *sides), dtype=np.float32)


def answered(
    values: Singles,
    *,
    patch: tuple[int, int, int],
    channels: int,
    ask: Callable[[Singles], Singles],
    on_piece: Callable[[int, int], None],
) -> Singles:
    """The answer (channels, ...) for every voxel; a volume smaller than a piece is shown with its rim repeated."""
    short = [(0, max(0, side - length)) for side, length in zip(patch, values.shape, strict=True)]
    wide = np.pad(values, short, mode="edge")
    weights, total = weights_of(patch), np.zeros((channels, *wide.shape), dtype=np.float32)
    counted = np.zeros(wide.shape, dtype=np.float32)
    places = list(product(*(starts(length, side) for length, side in zip(wide.shape, patch, strict=True))))
    for number, place in enumerate(places, start=1):
        first, second, third = (slice(start, start + side) for start, side in zip(place, patch, strict=True))
        total[:, first, second, third] += ask(wide[first, second, third]) * weights
        counted[first, second, third] += weights
        on_piece(number, len(places))
    slices, rows, columns = values.shape
    return np.asarray((total / counted)[:, :slices, :rows, :columns])
