"""A photo for the diary, made anew: its pixels alone, and nothing of what a telephone writes beside them.

Pure: bytes in, bytes out.  The live path never comes here (docs/rules/newborn-diary.md).
"""

from __future__ import annotations

import warnings
from io import BytesIO

from PIL import Image, ImageOps

from tianfu.kernel.refusal import Refusal

PHOTO_BYTES_MAX = 12 * 1_024 * 1_024
"""As large as a telephone's photo is."""

PIXELS_MAX = 64_000_000
SIDE_MAX = 1_600
"""The longer side of what is kept, in pixels."""

QUALITY = 82
MEDIA_TYPE = "image/jpeg"

_BEGINNINGS = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG"}


def photo_of(sent: bytes) -> bytes:
    """The photo as JPEG, upright, without metadata; the name and the declared type of a file count for nothing.

    Raises Refusal `photo-missing`, `photo-too-large`, `photo-type`, or `photo-unreadable`.
    """
    if not sent:
        raise Refusal("photo-missing")
    if len(sent) > PHOTO_BYTES_MAX:
        raise Refusal("photo-too-large")
    kind = _kind_of(sent)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _made_anew(sent, kind)
    except Refusal:
        raise
    except Exception as error:
        # A broken file comes to light wherever a decoder stumbles over it, as whatever error that place has.
        raise Refusal("photo-unreadable") from error


def _kind_of(sent: bytes) -> str:
    """The format by the first bytes."""
    for beginning, kind in _BEGINNINGS.items():
        if sent.startswith(beginning):
            return kind
    if sent[:4] == b"RIFF" and sent[8:12] == b"WEBP":
        return "WEBP"
    raise Refusal("photo-type")


def _made_anew(sent: bytes, kind: str) -> bytes:
    with Image.open(BytesIO(sent), formats=[kind]) as opened:
        if opened.width * opened.height > PIXELS_MAX:
            raise Refusal("photo-too-large")
        opened.draft("RGB", (SIDE_MAX, SIDE_MAX))
        upright = ImageOps.exif_transpose(opened)
        small = _on_white(upright)
        small.thumbnail((SIDE_MAX, SIDE_MAX))
        # Pixels into a new picture: comments, places and profiles stay with the old one.
        bare = Image.frombytes("RGB", small.size, small.tobytes())
    written = BytesIO()
    bare.save(written, "JPEG", quality=QUALITY, optimize=True)
    return written.getvalue()


def _on_white(picture: Image.Image) -> Image.Image:
    """What is transparent becomes white."""
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return picture.convert("RGB")
    layered = picture.convert("RGBA")
    white = Image.new("RGBA", layered.size, "white")
    return Image.alpha_composite(white, layered).convert("RGB")
