"""Faults of files as such: cut off, empty, in another encoding than they say, larger than they look."""

from __future__ import annotations

import zlib

from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)

from demo.dice import Dice
from demo.radiotherapy.faults.editing import PREAMBLE, body_of, claiming
from demo.radiotherapy.faults.fault import Fault, Spoiled, by_codec, fault
from demo.radiotherapy.objects import Kind, Objects

CUT = by_codec("dicom-truncated", "dicom-unreadable", "dicom-pixels-short", "dicom-attribute-missing")
"""Cut between two elements, a file looks whole and lacks attributes."""

BOMB_BYTES = 80_000_000
"""More than the tests' limit of one object, less than a test machine's memory."""

_TRAILING_PADDING = b"\xfc\xff\xfc\xffOB\0\0"


def _cut(kind: Kind) -> Fault:
    def truncated(objects: Objects, dice: Dice) -> Spoiled:
        number = dice.randrange(len(objects.of(kind)))
        content = objects.of(kind)[number]
        left = int(len(content) * dice.uniform(0.05, 0.98))
        return _with(objects, kind, number, content[:left], bytes_left=left, bytes_before=len(content))

    return fault(kind, CUT, "The end of the file is missing: the transfer broke off.")(truncated)


ct_cut, structures_cut, plan_cut, dose_cut, record_cut = (_cut(kind) for kind in Kind)


@fault(Kind.CT, by_codec("dicom-truncated"), "A file is empty.")
def empty(objects: Objects, dice: Dice) -> Spoiled:
    number = dice.randrange(len(objects.of(Kind.CT)))
    return _with(objects, Kind.CT, number, b"")


@fault(
    Kind.PLAN, by_codec("dicom-unreadable", "dicom-truncated", "dicom-too-deep"), "A file is no DICOM object at all."
)
def no_dicom(objects: Objects, dice: Dice) -> Spoiled:
    length = dice.randrange(400, 20_000)
    return _with(objects, Kind.PLAN, 0, b"%PDF-1.7\n" + dice.randbytes(length), bytes_random=length)


@fault(Kind.DOSE, by_codec("dicom-without-preamble"), "The first 132 bytes, by which a DICOM file is known, are lost.")
def preamble_lost(objects: Objects, dice: Dice) -> Spoiled:
    return _with(objects, Kind.DOSE, 0, objects.of(Kind.DOSE)[0][PREAMBLE + 4 :])


@fault(Kind.CT, by_codec("dicom-syntax-not-supported"), "The pixels are said to be JPEG 2000 and are not compressed.")
def claims_jpeg_2000(objects: Objects, dice: Dice) -> Spoiled:
    return _claim(objects, Kind.CT, dice, JPEG2000Lossless)


@fault(Kind.CT, CUT, "The bytes are said to run the other way round than they do.")
def claims_big_endian(objects: Objects, dice: Dice) -> Spoiled:
    return _claim(objects, Kind.CT, dice, ExplicitVRBigEndian)


@fault(
    Kind.STRUCTURES,
    by_codec("dicom-syntax-guessed"),
    "The elements are said to have no value representation, and have one.",
)
def claims_implicit(objects: Objects, dice: Dice) -> Spoiled:
    return _claim(objects, Kind.STRUCTURES, dice, ImplicitVRLittleEndian)


@fault(Kind.PLAN, CUT, "The file is said to be deflated and is not.")
def claims_deflated(objects: Objects, dice: Dice) -> Spoiled:
    return _claim(objects, Kind.PLAN, dice, DeflatedExplicitVRLittleEndian)


@fault(Kind.STRUCTURES, by_codec("dicom-inflates-too-much"), "A small deflated file grows beyond all measure.")
def inflates(objects: Objects, dice: Dice) -> Spoiled:
    content, size = objects.of(Kind.STRUCTURES)[0], int(BOMB_BYTES * dice.uniform(1, 1.3))
    deflater = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
    body = body_of(content) + _TRAILING_PADDING + size.to_bytes(4, "little") + bytes(size)
    bomb = claiming(content, DeflatedExplicitVRLittleEndian, deflater.compress(body) + deflater.flush())
    return _with(objects, Kind.STRUCTURES, 0, bomb, bytes_inflated=size)


def _claim(objects: Objects, kind: Kind, dice: Dice, syntax: str) -> Spoiled:
    number = dice.randrange(len(objects.of(kind)))
    content = objects.of(kind)[number]
    return _with(objects, kind, number, claiming(content, syntax, body_of(content)), syntax=syntax)


def _with(objects: Objects, kind: Kind, number: int, content: bytes, **record: object) -> Spoiled:
    files = list(objects.of(kind))
    files[number] = content
    told = {"object": str(number + 1), **{name: str(value) for name, value in record.items()}}
    return Spoiled(objects=objects.with_files(kind, tuple(files)), record=told)
