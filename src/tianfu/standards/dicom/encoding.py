"""Bytes to data set and back: files of PS3.10 in the transfer syntaxes of PS3.5, within limits.

https://dicom.nema.org/medical/dicom/current/output/html/part10.html
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Final, Literal

from pydicom import dcmread, dcmwrite
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)
from pydicom.valuerep import STANDARD_VR

from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.findings import Finding, found
from tianfu.standards.dicom.quiet import reading, writing

IMPLEMENTATION_UID: Final = "2.25.65326249266785338053453897820346638526"
"""Implementation Class UID (0002,0012) of what we write: a UUID drawn once (PS3.5 B.2)."""

IMPLEMENTATION_NAME: Final = "TIANFU_1"
"""Implementation Version Name (0002,0013)."""

DEPTH_MAX = 24
"""Sequences in sequences; objects of radiotherapy have seven. [ours]"""

_UNDEFINED = 0xFFFFFFFF
_ITEM, _END_OF_SEQUENCE = (0xFFFE, 0xE000), (0xFFFE, 0xE0DD)
_PREAMBLE = 128
_MAGIC = b"DICM"
_LONG_LENGTH = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_REPRESENTATIONS = frozenset(map(str, STANDARD_VR))
_SYNTAXES = frozenset(
    {
        DeflatedExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        RLELossless,
    }
)


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """A data set, the bytes that it was read from, and what was odd about them.

    `syntax` is the transfer syntax in which pixels are kept; `is_little_endian` is that of the data set.
    """

    dataset: Dataset
    content: bytes
    syntax: str
    is_little_endian: bool
    findings: tuple[Finding, ...]


def decode(content: bytes, *, bytes_max: int) -> Decoded:
    """Read one object, with or without preamble and file meta.

    Nothing is read that has, or inflates to, more than `bytes_max` bytes.  Raises Refusal: `dicom-too-large`,
    `dicom-inflates-too-much`, `dicom-truncated`, `dicom-unreadable`, `dicom-too-deep`, `dicom-syntax-unknown`.
    """
    if len(content) > bytes_max:
        raise Refusal("dicom-too-large", details={"bytes": str(len(content)), "bytes_max": str(bytes_max)})
    if len(content) < 8:
        raise Refusal("dicom-truncated")
    with reading() as findings:
        syntax, start = _stated_syntax(content)
        dataset = _dataset(content[start:], syntax, bytes_max)
        syntax = syntax or _guessed_syntax(dataset)
        _refuse_unusable(dataset, syntax)
        depth_checked(dataset)
    if not content[_PREAMBLE:].startswith(_MAGIC):
        findings.append(found("dicom-without-preamble"))
    return Decoded(
        dataset=dataset,
        content=content,
        syntax=syntax,
        is_little_endian=syntax != ExplicitVRBigEndian,
        findings=tuple(findings),
    )


def encode(dataset: Dataset) -> bytes:
    """A file of PS3.10 in explicit little endian, with our implementation UID; the same bytes for the same values."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_NAME
    file = BytesIO()
    with writing():
        whole = FileDataset(file, dataset, preamble=b"\0" * _PREAMBLE, file_meta=meta)
        dcmwrite(file, whole, enforce_file_format=True, implicit_vr=False, little_endian=True)
    return file.getvalue()


def inflated(compressed: bytes, *, bytes_max: int) -> bytes:
    """Inflate a raw deflate stream (PS3.5 A.5).

    Raises Refusal `dicom-inflates-too-much` as soon as it would pass `bytes_max`, `dicom-truncated` if it ends early.
    """
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = inflater.decompress(compressed, bytes_max + 1)
    except zlib.error as error:
        raise Refusal("dicom-unreadable", details={"reason": "deflate"}) from error
    if len(data) > bytes_max:
        raise Refusal("dicom-inflates-too-much", details={"bytes_max": str(bytes_max)})
    if not inflater.eof:
        raise Refusal("dicom-truncated")
    return data


def depth_checked(dataset: Dataset) -> None:
    """Raise Refusal `dicom-too-deep` if sequences lie in each other beyond DEPTH_MAX, `dicom-truncated` if a value
    has fewer bytes than its length says; values other than sequences stay unparsed."""
    waiting = [(dataset, 0)]
    while waiting:
        items, depth = waiting.pop()
        if depth > DEPTH_MAX:
            raise Refusal("dicom-too-deep", details={"depth_max": str(DEPTH_MAX)})
        waiting.extend((item, depth + 1) for item in _items_in(items))


def _items_in(dataset: Dataset) -> Iterator[Dataset]:
    for element in list(dataset.values()):
        if isinstance(element, RawDataElement):
            _refuse_garbled(element)
        if _is_sequence(element):
            value = dataset[element.tag].value
            yield from (item for item in value or () if isinstance(item, Dataset))


def _refuse_garbled(element: RawDataElement) -> None:
    """Bytes that one false length set out of step are read as elements of no known value representation, shorter than
    they say, or as items that do not end where their sequence does (PS3.5 6.2, 7.5)."""
    if element.VR is not None and element.VR not in _REPRESENTATIONS:
        raise Refusal("dicom-unreadable", details={"reason": "value representation"})
    if element.length != _UNDEFINED:
        if element.length != len(element.value or b""):
            raise Refusal("dicom-truncated")
        if element.VR == "SQ":
            _refuse_loose_items(element.value or b"", "little" if element.is_little_endian else "big")


def _refuse_loose_items(encoded: bytes, order: Literal["little", "big"]) -> None:
    """Items as far as each states its length; after one of undefined length they are found by reading alone."""
    place = 0
    while place < len(encoded):
        tag = tuple(int.from_bytes(encoded[place + at : place + at + 2], order) for at in (0, 2))
        length = int.from_bytes(encoded[place + 4 : place + 8], order)
        if tag == _END_OF_SEQUENCE or (tag == _ITEM and length == _UNDEFINED):
            return
        if tag != _ITEM:
            raise Refusal("dicom-unreadable", details={"reason": "items"})
        place += 8 + length
    if place > len(encoded):
        raise Refusal("dicom-truncated")


def _is_sequence(element: object) -> bool:
    known = getattr(element, "VR", None)
    if isinstance(element, RawDataElement) and (known is None or known == "UN") and not element.tag.is_private:
        try:
            return dictionary_VR(element.tag) == "SQ"
        except KeyError:
            return False
    return bool(known == "SQ")


def _stated_syntax(content: bytes) -> tuple[str, int]:
    """The transfer syntax of the file meta and where the data set starts; empty if there is no file meta.

    File meta is always explicit little endian (PS3.10 7.1), so it can be walked before anything is decoded.
    """
    place = _PREAMBLE + 4 if content[_PREAMBLE:].startswith(_MAGIC) else 0
    syntax = ""
    while content[place : place + 2] == b"\x02\x00" and content[place + 4 : place + 6].isalpha():
        is_long = content[place + 4 : place + 6] in _LONG_LENGTH
        header = 12 if is_long else 8
        length = int.from_bytes(content[place + header - (4 if is_long else 2) : place + header], "little")
        value = content[place + header : place + header + length]
        if len(value) < length:
            raise Refusal("dicom-truncated")
        if content[place + 2 : place + 4] == b"\x10\x00":
            syntax = value.rstrip(b"\0 ").decode("ascii", "replace")
        place += header + length
    return syntax, place


def _dataset(encoded: bytes, syntax: str, bytes_max: int) -> Dataset:
    """What stands after the file meta; without one pydicom finds out how it is written.

    pydicom inflates without a limit if it sees a file meta of its own, so it must never be shown one.
    """
    if syntax == DeflatedExplicitVRLittleEndian:
        encoded = inflated(encoded, bytes_max=bytes_max)
    elif not syntax:
        if encoded.startswith(b"\x02\x00") or encoded[_PREAMBLE:].startswith(_MAGIC):
            raise Refusal("dicom-unreadable", details={"reason": "file meta"})
        return dcmread(BytesIO(encoded), force=True)
    is_implicit, is_little = syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian
    dataset = read_dataset(BytesIO(encoded), is_implicit_VR=is_implicit, is_little_endian=is_little)
    _refuse_rest(dataset, encoded)
    return dataset


def _refuse_rest(dataset: Dataset, encoded: bytes) -> None:
    """pydicom ends quietly at half a tag; some writers fill a file up with zeros."""
    elements: list[object] = [dataset.get_item(tag) for tag in dataset.keys()]  # noqa: SIM118 - a data set yields its elements
    raw: list[RawDataElement] = [one for one in elements if isinstance(one, RawDataElement)]
    if len(raw) < len(elements) or not raw or any(one.length == _UNDEFINED for one in raw):
        return
    end = max(one.value_tell + one.length for one in raw)
    if encoded[end:].strip(b"\0"):
        raise Refusal("dicom-truncated")


def _guessed_syntax(dataset: Dataset) -> str:
    """The syntax by how pydicom could read it; without file meta, pixels are never compressed."""
    implicit, little = dataset.original_encoding
    if little is False:
        return str(ExplicitVRBigEndian)
    return str(ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian)


def _refuse_unusable(dataset: Dataset, syntax: str) -> None:
    if "SOPClassUID" not in dataset and "SOPInstanceUID" not in dataset:
        raise Refusal("dicom-unreadable", details={"reason": "no SOP Common module"})
    is_compressed = syntax not in _SYNTAXES and "PixelData" in dataset
    if is_compressed or not UID(syntax).is_valid:
        raise Refusal("dicom-syntax-not-supported", details={"syntax": _name_of(syntax)})


def _name_of(syntax: str) -> str:
    return UID(syntax).name if UID(syntax).is_valid else "?"
