"""Objects changed past all that a writer would refuse: with pydicom alone, none of our codecs in between."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO

from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID

PREAMBLE = 128
_LENGTH_ENDS = PREAMBLE + 4 + 12


def edited(content: bytes, change: Callable[[Dataset], object]) -> bytes:
    """The file with its data set changed; the file meta follows a new instance UID and nothing else."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = dcmread(BytesIO(content))
        change(dataset)
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "2.25.0")
        file = BytesIO()
        dcmwrite(file, dataset)
    return file.getvalue()


def put(holder: Dataset, keyword: str, value: object) -> Mapping[str, str]:
    """Set an attribute, and tell so for the record."""
    setattr(holder, keyword, value)
    return {"attribute": keyword, "value": str(value)}


def body_of(content: bytes) -> bytes:
    """What stands after the file meta."""
    return content[_meta_end(content) :]


def claiming(content: bytes, syntax: str, body: bytes) -> bytes:
    """A file whose meta claims a transfer syntax, whatever its body is written in."""
    meta = dcmread(BytesIO(content), specific_tags=["SOPClassUID"]).file_meta
    meta.TransferSyntaxUID = UID(syntax)
    written = DicomBytesIO()
    write_file_meta_info(written, meta)
    return content[: PREAMBLE + 4] + written.getvalue() + body


def _meta_end(content: bytes) -> int:
    return _LENGTH_ENDS + int.from_bytes(content[_LENGTH_ENDS - 4 : _LENGTH_ENDS], "little")


def contours_by_structure(dataset: Dataset, *, least: int) -> Iterator[tuple[str, Dataset]]:
    """The name and contours of each structure that has so many of them, but the body's."""
    names = {roi.ROINumber: roi.ROIName for roi in dataset.StructureSetROISequence}
    for item in dataset.ROIContourSequence:
        name = names.get(item.ReferencedROINumber, "")
        if len(item.get("ContourSequence") or ()) >= least and name != "BODY":
            yield str(name), item
