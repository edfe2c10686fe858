"""A million broken bytes for each codec: whatever comes, the answer is a value or a Refusal."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress

import pytest
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement

from tests.standards.dicom.made_objects import (
    BYTES_MAX,
    PYDICOMS,
    dose,
    images,
    plan,
    structure_set,
    treatment,
)
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.cases import read_case
from tianfu.standards.dicom.deidentify import deidentified, relinked
from tianfu.standards.dicom.doses import read_dose, write_dose
from tianfu.standards.dicom.encoding import Decoded, decode, encode
from tianfu.standards.dicom.images import read_images, write_images
from tianfu.standards.dicom.plans import read_plan, write_plan
from tianfu.standards.dicom.structure_sets import read_structure_set, write_structure_set
from tianfu.standards.dicom.treatments import read_treatment, write_treatment

BYTES = 1_000_000
VOXELS_MAX = 10_000

EVIL = (
    b"\xff\xff\xff\xff",
    b"\x00\x00\x00\x00",
    b"\xfe\xff\x00\xe0",
    b"\xfe\xff\xdd\xe0",
    b"SQ\x00\x00",
    b"UN\x00\x00",
    b"1e999",
    b"nan",
    b"-1\\\\",
    b"1.2.840.10008.1.2.1.99",
    b"1.2.840.10008.1.2.2\x00",
    b"\x1b$)C",
)


def read_series(one: Decoded) -> object:
    return read_images([one], voxels_max=VOXELS_MAX)


def there_and_back(one: Decoded) -> object:
    dataset, link = deidentified(one.dataset, key=bytes(32))
    return relinked(dataset, link)


CODECS: dict[str, tuple[tuple[bytes, ...], Callable[[Decoded], object]]] = {
    "images": ((write_images(images())[0],), read_series),
    "structures": (
        (write_structure_set(structure_set()), (PYDICOMS / "rtstruct.dcm").read_bytes()),
        read_structure_set,
    ),
    "plans": ((write_plan(plan()), (PYDICOMS / "rtplan.dcm").read_bytes()), read_plan),
    "doses": (
        (write_dose(dose()), (PYDICOMS / "rtdose_rle.dcm").read_bytes().replace(b"RELATIVE", b"GY      ")),
        lambda one: read_dose(one, voxels_max=VOXELS_MAX),
    ),
    "treatments": ((write_treatment(treatment()),), read_treatment),
    "identity": ((write_plan(plan()), write_structure_set(structure_set())), there_and_back),
}


def broken(content: bytes, lots: random.Random) -> bytes:
    """The content with wounds, one mostly, each a changed, lost, doubled or evil run of bytes."""
    wounded = bytearray(content)
    for _ in range(lots.choice((1, 1, 1, 2, 8))):
        place, length = lots.randrange(len(wounded)), lots.randint(1, 24)
        match lots.randrange(6):
            case 0 | 1:
                wounded[place] = lots.randrange(256)
            case 2:
                del wounded[place : place + length]
            case 3:
                wounded[place:place] = wounded[place : place + length]
            case 4:
                evil = lots.choice(EVIL)
                wounded[place : place + len(evil)] = evil
            case _:
                wounded[place : place + 4] = lots.randbytes(4)
    return bytes(wounded[: lots.randrange(len(wounded))] if lots.random() < 0.1 else wounded)


@pytest.mark.slow  # a million bytes for each codec, some thousand objects
@pytest.mark.parametrize("codec", CODECS)
def test_broken_bytes_are_refused_or_read(codec: str) -> None:
    """Warnings are errors in our tests, so that one of pydicom's would fail here too."""
    contents, read = CODECS[codec]
    lots, fed, kept = random.Random(f"tianfu {codec}"), 0, 0
    while fed < BYTES:
        content = broken(lots.choice(contents), lots)
        fed += len(content)
        try:
            read(decode(content, bytes_max=BYTES_MAX))
            kept += 1
        except Refusal:
            continue
    # Else the wounds would be so deep that no codec is reached.
    assert kept > 5


EVIL_VALUES = (
    b"",
    b"0",
    b"-1",
    b"nan",
    b"1e308",
    b"99999999999",
    b"0.5",
    b"words ",
    b"1\\2",
    b"1\\2\\3\\4\\5\\6",
    b"\0\0",
    b"\xff\xff",
    b"\xff\xff\xff\x7f",
)


def with_an_evil_value(content: bytes, lots: random.Random) -> Decoded:
    """The object with one attribute, anywhere in it, of another value, as it would stand in its bytes."""
    one = decode(content, bytes_max=BYTES_MAX)
    item = one.dataset
    while True:
        tag = lots.choice(list(item.keys()))
        representation = dictionary_VR(tag)
        inner = item[tag].value if representation == "SQ" and lots.random() < 0.9 else None
        if not inner:
            break
        item = lots.choice(inner)
    value = lots.choice(EVIL_VALUES)
    item[tag] = RawDataElement(tag, representation[:2], len(value), value, 0, False, True)
    return one


@pytest.mark.slow  # two hundred objects for each codec
@pytest.mark.parametrize("codec", CODECS)
def test_evil_values_are_refused_or_read(codec: str) -> None:
    contents, read = CODECS[codec]
    lots = random.Random(f"values {codec}")
    for _ in range(200):
        one = with_an_evil_value(lots.choice(contents), lots)
        with suppress(Refusal):
            read(one)


@pytest.mark.slow  # a million bytes
def test_broken_cases_are_refused_or_read() -> None:
    whole = [*write_images(images()), write_structure_set(structure_set()), write_plan(plan()), write_dose(dose())]
    lots, fed = random.Random(6), 0
    while fed < BYTES:
        place = lots.randrange(len(whole))
        contents = [broken(content, lots) if number == place else content for number, content in enumerate(whole)]
        fed += sum(map(len, contents))
        try:
            read_case(contents, bytes_max=BYTES_MAX, voxels_max=VOXELS_MAX)
        except Refusal:
            continue


def test_random_bytes_are_refused() -> None:
    lots = random.Random(1)
    for _ in range(200):
        with pytest.raises(Refusal):
            decode(lots.randbytes(lots.randrange(400)), bytes_max=BYTES_MAX)


def test_what_is_read_can_be_encoded_again() -> None:
    for contents, _ in CODECS.values():
        one = decode(contents[0], bytes_max=BYTES_MAX)
        assert decode(encode(one.dataset), bytes_max=BYTES_MAX).dataset == one.dataset
