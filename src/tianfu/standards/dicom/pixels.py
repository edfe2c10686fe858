"""Stored pixels as integers: native ones of 8, 16 and 32 bits, and run-length encoded ones (PS3.5 8 and Annex G)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pydicom.encaps import generate_frames
from pydicom.uid import RLELossless

from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.elements import Item
from tianfu.standards.dicom.encoding import Decoded
from tianfu.standards.dicom.findings import Finding, found
from tianfu.standards.dicom.planes import size_of

Integers = NDArray[np.integer]

_SEGMENTS_MAX = 15

_GREY = frozenset({"", "MONOCHROME2"})


def stored_values(decoded: Decoded, *, frames: int, voxels_max: int) -> Integers:
    """The stored values (frames, rows, columns), signed or not as the object says.

    The size that the header claims is checked before anything is allocated: Refusal `dicom-too-many-voxels`; then that
    so many bytes are there: `dicom-pixels-short`, and no whole line more: `dicom-pixels-surplus`, for then the header
    is wrong and the picture skew.  What is no grey image is `dicom-pixels-not-grey`; bits that contradict each other
    are `dicom-attribute-invalid`.
    """
    item = Item(dataset=decoded.dataset)
    (rows, columns), bits = size_of(item), item.whole("BitsAllocated")
    refuse_many(rows * columns * frames, voxels_max)
    if item.text("SamplesPerPixel") not in {"", "1"} or item.text("PhotometricInterpretation") not in _GREY:
        raise Refusal("dicom-pixels-not-grey", details={"kind": item.text("PhotometricInterpretation")})
    if bits not in {8, 16, 32}:
        raise item.invalid("BitsAllocated")
    if not item.has("PixelData"):
        raise Refusal("dicom-attribute-missing", details={"attribute": "PixelData"})
    pixels = decoded.dataset["PixelData"].value
    if not isinstance(pixels, bytes):
        raise item.invalid("PixelData")
    count = rows * columns
    if decoded.syntax == RLELossless:
        flat = _run_length_frames(pixels, frames, count, bits)
    else:
        flat = _native(pixels, frames * count, bits, decoded.is_little_endian)
        line = min(frames * rows, frames * columns, rows * columns)
        _not_a_line_more(len(pixels) - flat.nbytes, line * bits // 8, flat.nbytes)
    return _signed(flat, item).reshape(frames, rows, columns)


def surplus_findings(decoded: Decoded, stored: Integers) -> list[Finding]:
    """`dicom-pixels-surplus` if more bytes are there than these values have, but for the one that makes them even."""
    there = len(decoded.dataset["PixelData"].value)
    if decoded.syntax == RLELossless or there <= stored.nbytes + stored.nbytes % 2:
        return []
    return [found("dicom-pixels-surplus", bytes=there, bytes_needed=stored.nbytes)]


def refuse_many(voxels: int, voxels_max: int) -> None:
    """Raise Refusal `dicom-too-many-voxels` for more than so many."""
    if voxels > voxels_max:
        details = {"voxels": str(voxels), "voxels_max": str(voxels_max)}
        raise Refusal("dicom-too-many-voxels", details=details)


def _native(pixels: bytes, count: int, bits: int, is_little_endian: bool) -> Integers:
    _enough(len(pixels), count * bits // 8)
    kind = np.dtype(f"{'<' if is_little_endian else '>'}u{bits // 8}")
    return np.frombuffer(pixels, kind, count=count).astype(kind.newbyteorder("="), copy=False)


def _signed(stored: Integers, item: Item) -> Integers:
    """Values without what stands in bits that are not theirs; two's complement within the bits that are (8.1.1)."""
    allocated, used = item.whole("BitsAllocated"), item.whole_or_none("BitsStored") or item.whole("BitsAllocated")
    if not 1 <= used <= allocated:
        raise item.invalid("BitsStored")
    # Else it is not known which bits are the value's: every value could be wrong by a power of two.
    if item.has("HighBit") and item.whole("HighBit") != used - 1:
        raise item.invalid("HighBit")
    if item.whole("PixelRepresentation") not in {0, 1}:
        raise item.invalid("PixelRepresentation")
    is_signed = item.whole("PixelRepresentation") == 1
    kind = np.dtype(f"{'i' if is_signed else 'u'}{allocated // 8}")
    if used == allocated:
        return stored.view(kind)
    unused = allocated - used
    shifted: Integers = np.right_shift(np.left_shift(stored, unused).view(kind), unused)
    return shifted


def _run_length_frames(pixels: bytes, frames: int, count: int, bits: int) -> Integers:
    whole = np.empty((frames, count), np.dtype(f"u{bits // 8}"))
    found = 0
    for frame in generate_frames(pixels, number_of_frames=frames):
        if found < frames:
            whole[found] = _run_length_frame(bytes(frame), count, bits // 8)
        found += 1
    if found != frames:
        raise Refusal("dicom-pixels-short", details={"bytes": str(found), "bytes_needed": str(frames)})
    return whole.reshape(-1)


def _run_length_frame(frame: bytes, count: int, planes: int) -> Integers:
    """Byte planes from the most significant one (G.2)."""
    header = np.frombuffer(frame, "<u4", count=16) if len(frame) >= 64 else np.zeros(16, "<u4")
    if header[0] != planes or planes > _SEGMENTS_MAX:
        raise Refusal("dicom-unreadable", details={"reason": "run lengths"})
    starts = [int(place) for place in header[1 : planes + 1]] + [len(frame)]
    value = np.zeros(count, np.dtype(f"u{planes}"))
    for plane in range(planes):
        segment = unpacked(frame[starts[plane] : starts[plane + 1]], count)
        value |= np.frombuffer(segment, np.uint8).astype(value.dtype) << np.array(8 * (planes - 1 - plane), value.dtype)
    return value


def unpacked(segment: bytes, count: int) -> bytes:
    """So many bytes of one run-length encoded segment (G.3.2), never more; Refusal `dicom-pixels-short` if fewer."""
    parts, length = [], 0
    for part in _runs(segment):
        parts.append(part)
        length += len(part)
        if length >= count:
            break
    _enough(length, count)
    return b"".join(parts)[:count]


def _runs(segment: bytes) -> Iterator[bytes]:
    place = 0
    while place < len(segment):
        control = segment[place]
        if control < 128:
            yield segment[place + 1 : place + 2 + control]
            place += 2 + control
        elif control > 128:
            yield segment[place + 1 : place + 2] * (257 - control)
            place += 2
        else:
            place += 1


def _not_a_line_more(surplus: int, line: int, needed: int) -> None:
    """Padding at the end hurts nobody; a frame, or a line of each, means that the header states one too few."""
    if surplus >= line and surplus > 1:
        raise Refusal("dicom-pixels-surplus", details={"bytes": str(needed + surplus), "bytes_needed": str(needed)})


def _enough(length: int, needed: int) -> None:
    if length < needed:
        raise Refusal("dicom-pixels-short", details={"bytes": str(length), "bytes_needed": str(needed)})
