from __future__ import annotations

import struct
import zlib
from contextlib import suppress

import pytest
from pydicom.dataset import Dataset

from tests.standards.dicom.made_objects import BYTES_MAX, PYDICOMS, decoded, plan
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.encoding import DEPTH_MAX, IMPLEMENTATION_UID, decode, encode
from tianfu.standards.dicom.plans import read_plan, write_plan

DEFLATED = b"1.2.840.10008.1.2.1.99"


def refusal_of(content: bytes, bytes_max: int = BYTES_MAX) -> str:
    with pytest.raises(Refusal) as refused:
        decode(content, bytes_max=bytes_max)
    return refused.value.code


def file_of(syntax: bytes, body: bytes) -> bytes:
    """A preamble, a file meta that names the syntax alone, and a body."""
    syntax += b"\0" * (len(syntax) % 2)
    return b"\0" * 128 + b"DICM" + b"\x02\x00\x10\x00UI" + struct.pack("<H", len(syntax)) + syntax + body


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def body_of(content: bytes) -> bytes:
    """The data set after the file meta of what we write."""
    length = int.from_bytes(content[140:144], "little")
    return content[144 + length :]


def minimal(**attributes: object) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.481.5", "2.25.9"
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def test_what_is_larger_than_allowed_is_not_read() -> None:
    content = write_plan(plan())
    assert refusal_of(content, bytes_max=len(content) - 1) == "dicom-too-large"


def test_a_deflated_object_is_read_like_a_plain_one() -> None:
    content = write_plan(plan())
    packed = file_of(DEFLATED, deflated(body_of(content)))
    assert read_plan(decoded(packed)).value == plan()


def test_a_deflated_object_that_grows_beyond_the_limit_is_refused() -> None:
    """Two gigabytes of zeros would fit into two megabytes; here ten megabytes would come of ten kilobytes."""
    bomb = file_of(DEFLATED, deflated(b"\0" * 10_000_000))
    assert len(bomb) < 20_000
    assert refusal_of(bomb, bytes_max=1_000_000) == "dicom-inflates-too-much"


def test_a_deflated_object_without_preamble_is_bounded_too() -> None:
    bomb = file_of(DEFLATED, deflated(b"\0" * 10_000_000))[132:]
    assert refusal_of(bomb, bytes_max=1_000_000) == "dicom-inflates-too-much"


def test_a_deflated_stream_that_ends_early_is_truncated() -> None:
    assert refusal_of(file_of(DEFLATED, deflated(body_of(write_plan(plan())))[:-20])) == "dicom-truncated"


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9, 0.99])
def test_an_object_cut_anywhere_is_refused(kept: float) -> None:
    content = write_plan(plan())
    assert refusal_of(content[: int(len(content) * kept)]) in {"dicom-truncated", "dicom-unreadable"}


def test_pydicoms_truncated_plan_is_refused() -> None:
    assert refusal_of((PYDICOMS / "rtplan_truncated.dcm").read_bytes()) == "dicom-truncated"


@pytest.mark.parametrize("content", [b"", b"no", b"%PDF-1.7 " + b"x" * 500, b"\0" * 5000, b"\xff" * 5000])
def test_what_is_no_dicom_is_refused(content: bytes) -> None:
    assert refusal_of(content) in {"dicom-truncated", "dicom-unreadable"}


@pytest.mark.parametrize("is_undefined", [True, False])
@pytest.mark.parametrize("depth", [DEPTH_MAX + 1, 400])
def test_sequences_too_deep_are_refused(depth: int, is_undefined: bool) -> None:
    item = b""
    for _ in range(depth):
        length = b"\xff\xff\xff\xff" if is_undefined else struct.pack("<I", len(item) + 8)
        end = b"\xfe\xff\xdd\xe0\0\0\0\0" if is_undefined else b""
        item = b"\x0a\x30\xb0\x00SQ\0\0" + length + b"\xfe\xff\x00\xe0" + struct.pack("<I", len(item)) + item + end
    content = body_of(encode(minimal())) + item
    assert refusal_of(file_of(b"1.2.840.10008.1.2.1", content)) == "dicom-too-deep"


def test_sequences_as_deep_as_allowed_are_read() -> None:
    dataset = minimal()
    inner = dataset
    for _ in range(DEPTH_MAX):
        inner.BeamSequence = [Dataset()]
        inner = inner.BeamSequence[0]
    assert decoded(encode(dataset)).dataset.SOPInstanceUID == "2.25.9"


def element(number: int, representation: bytes, value: bytes, group: int = 0x300A) -> bytes:
    """An element of explicit little endian."""
    is_long = representation in {b"SQ", b"UN"}
    length = b"\0\0" + struct.pack("<I", len(value)) if is_long else struct.pack("<H", len(value))
    return struct.pack("<HH", group, number) + representation + length + value


def item(*elements: bytes, length: int | None = None) -> bytes:
    """An item that says this length, or its own."""
    inner = b"".join(elements)
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(inner) if length is None else length) + inner


def with_beams(items: bytes) -> bytes:
    """A plan whose sequence of beams holds these items."""
    head = element(0x16, b"UI", b"1.2.840.10008.5.1.4.1.1.481.5\0", 8) + element(0x18, b"UI", b"1.2\0", 8)
    return file_of(b"1.2.840.10008.1.2.1", head + element(0xB0, b"SQ", items))


NUMBER, NAME = element(0xC0, b"IS", b"1 "), element(0xC2, b"LO", b"AP")


@pytest.mark.parametrize(
    "items",
    [
        item(NUMBER, element(0xC2, b"ZZ", b"")),
        item(NUMBER, element(0xC2, b"ZZ", b"ab")),
        item(NUMBER, element(0x2, b"SQ", item(element(0xC2, b"ZZ", b"")))),
        item(NUMBER, element(0x2, b"SQ", item(NUMBER, length=11))),
        item(NUMBER, NAME, length=10) + item(NUMBER, NAME),
        item(NUMBER, length=9) + item(NUMBER),
        item(NUMBER, length=11) + item(NUMBER),
        item(NUMBER, length=28) + item(NUMBER, NAME),
        item(NUMBER) + item(NUMBER)[:-3],
        NUMBER,
    ],
)
def test_items_that_are_out_of_step_are_refused(items: bytes) -> None:
    assert refusal_of(with_beams(items)) in {"dicom-truncated", "dicom-unreadable"}


@pytest.mark.parametrize(
    ("items", "count"),
    [
        (b"", 0),
        (item(NUMBER, NAME), 1),
        (item(NUMBER) + item() + item(NUMBER, NAME), 3),
        (item(NUMBER, struct.pack("<HHI", 0xFFFE, 0xE00D, 0), length=0xFFFFFFFF) + item(NUMBER), 2),
        (item(NUMBER, element(0x2, b"SQ", item(NUMBER) * 2)), 1),
        (item(NUMBER) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0), 1),
        (item(NUMBER, element(0x10, b"UN", b"garbled", 0x300B)), 1),
    ],
)
def test_items_that_are_in_step_are_read(items: bytes, count: int) -> None:
    assert len(decode(with_beams(items), bytes_max=BYTES_MAX).dataset.BeamSequence) == count


def test_no_bit_of_a_length_of_an_item_changes_what_is_read_unsaid() -> None:
    content = write_plan(plan())
    sound = read_plan(decode(content, bytes_max=BYTES_MAX)).value
    places = [at for at in range(len(content) - 8) if content[at : at + 4] == b"\xfe\xff\x00\xe0"]
    assert len(places) == 20
    for at in places:
        for bit in range(32):
            spoilt = bytearray(content)
            spoilt[at + 4 + bit // 8] ^= 1 << bit % 8
            with suppress(Refusal):
                read = read_plan(decode(bytes(spoilt), bytes_max=BYTES_MAX))
                assert read.value == sound or read.findings, (at, bit)


def test_compressed_pixels_are_refused_by_the_name_of_their_syntax() -> None:
    with pytest.raises(Refusal) as refused:
        decoded((PYDICOMS / "JPEG-lossy.dcm").read_bytes())
    assert refused.value.code == "dicom-syntax-not-supported"
    assert "JPEG" in refused.value.details["syntax"]


@pytest.mark.parametrize(
    ("name", "syntax"),
    [
        ("rtplan.dcm", "1.2.840.10008.1.2"),
        ("ExplVR_LitEndNoMeta.dcm", "1.2.840.10008.1.2.1"),
        ("ExplVR_BigEndNoMeta.dcm", "1.2.840.10008.1.2.2"),
    ],
)
def test_a_plan_is_read_in_each_syntax(name: str, syntax: str) -> None:
    one = decoded((PYDICOMS / name).read_bytes())
    assert one.syntax == syntax
    assert one.dataset.Modality == "RTPLAN"


def test_an_object_in_another_syntax_than_stated_is_read_and_told() -> None:
    content = (PYDICOMS / "rtplan.dcm").read_bytes()
    meta_length = int.from_bytes(content[140:144], "little")
    one = decoded(file_of(b"1.2.840.10008.1.2.1", content[144 + meta_length :]))
    assert [finding.code for finding in one.findings] == ["dicom-syntax-guessed"]
    assert read_plan(one).value.label == "Plan1"


def test_what_we_write_names_our_implementation() -> None:
    assert IMPLEMENTATION_UID.encode() in write_plan(plan())[:400]
    assert int(IMPLEMENTATION_UID.removeprefix("2.25.")) < 2**128


def test_the_same_values_give_the_same_bytes() -> None:
    assert write_plan(plan()) == write_plan(plan())
