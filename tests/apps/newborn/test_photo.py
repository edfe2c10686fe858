"""A photo is made anew: nothing but its pixels comes through."""

from __future__ import annotations

import ast
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import tianfu.apps.newborn
from tianfu.apps.newborn.model import photo as photos
from tianfu.apps.newborn.model.photo import SIDE_MAX, photo_of
from tianfu.kernel.refusal import Refusal

SECRET = b"30.6598N-104.0633E"


def picture(size: tuple[int, int] = (400, 300), kind: str = "JPEG", **said: object) -> bytes:
    """A made-up picture, red above and blue below."""
    made = Image.new("RGB", size, "red")
    made.paste("blue", (0, size[1] // 2, size[0], size[1]))
    written = BytesIO()
    made.save(written, kind, **said)
    return written.getvalue()


def telltale() -> bytes:
    """A picture as a telephone writes it: with a place, a device, a comment and a packet of XMP, lying on its side."""
    exif = Image.Exif()
    exif[0x010F] = SECRET.decode()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (30.0, 39.0, 35.0)
    return picture(exif=exif, comment=SECRET, xmp=b"<x>" + SECRET + b"</x>", icc_profile=SECRET)


def test_places_comments_and_profiles_stay_behind() -> None:
    sent = telltale()
    assert sent.count(SECRET) == 4
    made = photo_of(sent)
    assert SECRET not in made
    assert b"Exif" not in made
    assert b"http://ns.adobe.com" not in made
    with Image.open(BytesIO(made)) as opened:
        assert (opened.format, dict(opened.getexif()), opened.info.get("comment")) == ("JPEG", {}, None)
        assert set(opened.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_a_photo_that_lies_on_its_side_stands_upright() -> None:
    with Image.open(BytesIO(photo_of(telltale()))) as opened:
        assert opened.size == (300, 400)
        right, left = opened.getpixel((290, 200)), opened.getpixel((10, 200))
        assert isinstance(right, tuple)
        assert isinstance(left, tuple)
        assert right[0] > 200 > left[0]


def test_what_is_behind_the_end_of_a_picture_stays_behind() -> None:
    assert SECRET not in photo_of(picture() + SECRET)


def test_png_and_webp_are_taken_and_their_texts_are_not() -> None:
    exif, text = Image.Exif(), PngInfo()
    exif[0x010F] = SECRET.decode()
    text.add_text("Comment", SECRET.decode())
    for sent in (picture(kind="PNG", pnginfo=text), picture(kind="WEBP", exif=exif)):
        made = photo_of(sent)
        assert made.startswith(b"\xff\xd8\xff")
        assert SECRET not in made


def test_a_large_photo_becomes_as_small_as_a_page_needs() -> None:
    with Image.open(BytesIO(photo_of(picture((4000, 3000))))) as opened:
        assert max(opened.size) == SIDE_MAX


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"", "photo-missing"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "photo-type"),
        (b"GIF89a" + b"\0" * 40, "photo-type"),
        (b"%PDF-1.7", "photo-type"),
        (b"\xff\xd8\xff" + b"nothing", "photo-unreadable"),
        (picture()[:300], "photo-unreadable"),
        (picture(kind="PNG")[:60], "photo-unreadable"),
        (b"RIFF\0\0\0\0WEBPnothing", "photo-unreadable"),
        (b"\xff\xd8\xff" + b"\0" * photos.PHOTO_BYTES_MAX, "photo-too-large"),
    ],
)
def test_what_is_no_photo_is_refused(sent: bytes, code: str) -> None:
    with pytest.raises(Refusal, match=code):
        photo_of(sent)


def test_a_picture_that_would_unfold_to_too_many_pixels_is_refused() -> None:
    small = Image.new("1", (9000, 9000))
    written = BytesIO()
    small.save(written, "PNG", optimize=True)
    assert len(written.getvalue()) < 100_000
    with pytest.raises(Refusal, match="photo-too-large"):
        photo_of(written.getvalue())


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["JPEG", "PNG", "WEBP"]), st.data())
def test_a_broken_file_is_refused_and_nothing_else_happens(kind: str, data: st.DataObject) -> None:
    sent = bytearray(picture((40, 30), kind))
    for _ in range(data.draw(st.integers(1, 8))):
        sent[data.draw(st.integers(0, len(sent) - 1))] = data.draw(st.integers(0, 255))
    made, code = _tried(bytes(sent))
    assert code in {"", "photo-type", "photo-unreadable", "photo-too-large"}
    assert code or made.startswith(b"\xff\xd8\xff")


def _tried(sent: bytes) -> tuple[bytes, str]:
    try:
        return photo_of(sent), ""
    except Refusal as refusal:
        return b"", refusal.code


def test_the_live_part_never_comes_to_photos() -> None:
    """Neither the keeper nor the room nor the nurse's live pages, by whatever way, import what makes a photo."""
    package = Path(tianfu.apps.newborn.__file__).parent
    source = package.parents[1]
    reached = {*(package / "live").glob("*.py"), package / "nurse_routes.py"}
    reached |= set((source / "services" / "realtime").rglob("*.py")) | set((source / "gateways").rglob("*.py"))
    todo = list(reached)
    while todo:
        for name in _imported(todo.pop()):
            path = source.parent / Path(*name.split("."))
            for found in (path.with_suffix(".py"), path / "__init__.py"):
                if found.is_file() and found not in reached:
                    reached.add(found)
                    todo.append(found)
    assert package / "model" / "visit.py" in reached
    assert package / "model" / "photo.py" not in reached
    assert package / "actions" / "write_day.py" not in reached


def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
        elif isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
    return {each for each in names if each.startswith("tianfu")}
