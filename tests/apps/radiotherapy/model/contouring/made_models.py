"""ONNX files of a few bytes, written by hand: a convolution of one voxel, and what a hostile file would hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

Piece = tuple[int, int, int]

FLOAT, INTS, TENSOR, EXTERNAL = 1, 7, 4, 1


def varint(value: int) -> bytes:
    written = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        written.append(low | (0x80 if value else 0))
        if not value:
            return bytes(written)


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def held(field: int, content: bytes | str) -> bytes:
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def tensor(name: str, values: np.ndarray, *, location: int | None = None) -> bytes:
    dims = b"".join(number(1, side) for side in values.shape)
    raw = held(9, values.astype("<f4").tobytes()) if location is None else number(14, location)
    return dims + number(2, FLOAT) + held(8, name) + raw


def node(operator: str, inputs: Sequence[str], outputs: Sequence[str], *, domain: str = "") -> bytes:
    words = b"".join([held(1, each) for each in inputs] + [held(2, each) for each in outputs])
    return words + held(4, operator) + (held(7, domain) if domain else b"")


def value(name: str, shape: Sequence[int | str]) -> bytes:
    sides = b"".join(held(1, number(1, side) if isinstance(side, int) else held(2, side)) for side in shape)
    return held(1, name) + held(2, held(1, number(1, FLOAT) + held(2, sides)))


def model(graph: bytes, *, opset: int = 13) -> bytes:
    return number(1, 8) + held(7, graph) + held(8, held(1, "") + number(2, opset))


def convolution(
    slopes: Sequence[float], offsets: Sequence[float], patch: Piece, *, location: int | None = None, nodes: bytes = b""
) -> bytes:
    """Channel by channel, slope times the voxel's value and an offset."""
    weights = np.array(slopes).reshape(-1, 1, 1, 1, 1)
    graph = (
        held(1, node("Conv", ["x", "w", "b"], ["y"]))
        + nodes
        + held(2, "tiny")
        + held(5, tensor("w", weights, location=location))
        + held(5, tensor("b", np.array(offsets)))
        + held(11, value("x", [1, 1, *patch]))
        + held(12, value("y", [1, len(slopes), *patch]))
    )
    return model(graph)


def manifest(content: bytes, **changes: Any) -> bytes:
    """A manifest that fits, but for what is changed."""
    told = {
        "form": 1,
        "id": "made-tiny",
        "version": "1",
        "sha256": hashlib.sha256(content).hexdigest(),
        "spacing_mm": [3.0, 3.0, 3.0],
        "patch": [16, 24, 32],
        "window_hu": [-1000, 1000],
        "activation": "softmax",
        "labels": {"1": "Lungs", "2": "Bone"},
        "confidence_min": 0.5,
        "licence": "made for a test",
        "training_data": "none: written by hand",
        "purpose": "a test",
    }
    return json.dumps({**told, **changes}).encode()
