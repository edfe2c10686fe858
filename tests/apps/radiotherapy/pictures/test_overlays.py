"""Drawings over pictures: in their pixels, escaped, and told apart by more than colour."""

from __future__ import annotations

import numpy as np
import pytest

from tests.apps.radiotherapy.pictures.sights import (
    MIDDLE,
    ball,
    grid_about,
    of_class,
    points_of,
    read_svg,
    words_of,
)
from tianfu.apps.radiotherapy.pictures.cuts import Section, section_in, solid_structure
from tianfu.apps.radiotherapy.pictures.frames import UPRIGHT, PlaneKind, Side, plane_frame
from tianfu.apps.radiotherapy.pictures.isodoses import Isodose
from tianfu.apps.radiotherapy.pictures.marks import OTHER_ISODOSES, USUAL_ISODOSES
from tianfu.apps.radiotherapy.pictures.overlays import Contour, OverlayWords, Shown, overlay
from tianfu.kernel.refusal import Refusal

WORDS = OverlayWords(
    title="Axial, z = 31 mm",
    description="Structures",
    sides={side: side.value for side in Side},
    between_drawn="between",
)
SHOWN = Shown(css_px=400, key="axial")
GRID = grid_about(np.eye(3))
FRAME = plane_frame(GRID, PlaneKind.AXIAL, float(MIDDLE[2]))
SQUARE = np.array([[10.0, 10], [60, 10], [60, 60], [10, 60]])

HOSTILE = [
    "<script>alert(1)</script>",
    '"/><image href="x" onerror="alert(1)"/>',
    "]]></title><b>",
    "&lt;&#x3c;",
    "\x00\x1b[2J\x08",
    "\u202eGREM",
    "\ud800",
    "很长的名字" * 400,
    "",
]


def contour(name: str = "Ball", series: int = 1, *, is_drawn: bool = True) -> Contour:
    """A square."""
    return Contour(name=name, series=series, section=Section(rings=(SQUARE,), is_drawn=is_drawn))


def isodose(percent: float) -> Isodose:
    """A square again."""
    return Isodose(percent=percent, rings=(SQUARE + percent / 20,), open_lines=())


@pytest.mark.parametrize("kind", PlaneKind)
def test_a_spheres_drawn_contour_lies_on_its_circle(kind: PlaneKind) -> None:
    frame = plane_frame(GRID, kind, float(MIDDLE[UPRIGHT[kind].normal]))
    section = section_in(solid_structure(ball(GRID, radius=20.5), GRID), frame)
    drawing = overlay(frame, [Contour(name="Ball", series=1, section=section)], [], words=WORDS, shown=SHOWN)
    (path,) = of_class(read_svg(drawing), "rt-contour")
    distances = np.linalg.norm(points_of(path) - frame.pixels(MIDDLE), axis=1) * frame.mm_per_px
    np.testing.assert_allclose(distances, 20.5, atol=0.5)


def test_the_drawing_has_the_pictures_pixels() -> None:
    drawing = overlay(FRAME, [contour()], [], words=WORDS, shown=Shown(css_px=400, key="a", picture="/ct.png"))
    root = read_svg(drawing)
    assert root.get("viewBox") == f"0 0 {FRAME.width_px} {FRAME.height_px}"
    (image,) = (each for each in root.iter() if each.tag.endswith("}image"))
    assert (image.get("width"), image.get("height")) == (str(FRAME.width_px), str(FRAME.height_px))


def test_the_drawing_says_what_it_is() -> None:
    root = read_svg(overlay(FRAME, [contour()], [], words=WORDS, shown=SHOWN))
    told = {each.get("id"): each.text for each in root}
    assert root.get("role") == "img"
    assert told[root.get("aria-labelledby")] == WORDS.title
    assert told[root.get("aria-describedby")] == WORDS.description


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_from_a_strangers_file_is_but_words(name: str) -> None:
    drawing = overlay(FRAME, [contour(name)], [], words=WORDS, shown=SHOWN)
    kinds = {each.tag.rpartition("}")[2] for each in read_svg(drawing).iter()}
    assert kinds <= {"svg", "title", "desc", "path", "rect", "text"}
    assert len(drawing) < 4_000


def test_no_colour_is_written_into_the_drawing() -> None:
    """The pages' policy forbids style attributes; colours are classes so that schemes and printers have their own."""
    drawing = overlay(FRAME, [contour()], [isodose(95), isodose(50)], words=WORDS, shown=SHOWN)
    assert not {"style", "stroke", "fill"} & {name for each in read_svg(drawing).iter() for name in each.attrib}


def test_holes_are_left_empty() -> None:
    section = Section(rings=(SQUARE, SQUARE / 2 + 17), is_drawn=True)
    drawing = overlay(FRAME, [Contour(name="Ring", series=1, section=section)], [], words=WORDS, shown=SHOWN)
    (path,) = of_class(read_svg(drawing), "rt-contour")
    assert path.get("fill-rule") == "evenodd"
    assert path.get("d", "").count("M") == 2


def test_isodose_lines_are_told_by_dash_and_number_too() -> None:
    levels = [105.0, 100.0, 95.0, 80.0, 50.0, 30.0, 90.0, 70.0]
    root = read_svg(overlay(FRAME, [], [isodose(each) for each in levels], words=WORDS, shown=SHOWN))
    lines = of_class(root, "rt-isodose")
    assert len({each.get("stroke-dasharray") for each in lines}) == len({each.get("class") for each in lines}) == 8
    assert {"105%", "50%", "70%"} <= set(words_of(root))


def test_all_looks_of_isodoses_differ() -> None:
    looks = [*USUAL_ISODOSES.values(), *OTHER_ISODOSES]
    assert len({look.dash for look in looks}) == len({look.css_class for look in looks}) == len(looks)


def test_more_levels_than_can_be_told_apart_are_refused() -> None:
    with pytest.raises(Refusal, match="isodose-levels-too-many"):
        overlay(FRAME, [], [isodose(each) for each in (1, 2, 3, 4, 5)], words=WORDS, shown=SHOWN)


def test_a_contour_that_nobody_drew_says_so() -> None:
    root = read_svg(overlay(FRAME, [contour(is_drawn=False)], [], words=WORDS, shown=SHOWN))
    (path,) = of_class(root, "rt-between")
    assert [each.text for each in path] == ["Ball (between)"]


def test_no_words_cover_others() -> None:
    contours = [contour(f"Organ {series}", series) for series in range(1, 13)]
    drawing = overlay(FRAME, contours, [isodose(each) for each in (95, 80, 50)], words=WORDS, shown=SHOWN)
    boxes = [
        [float(each.get(key, "")) for key in ("x", "y", "width", "height")]
        for each in of_class(read_svg(drawing), "rt-ground")
    ]
    assert len(boxes) > 5
    for at, (x, y, width, height) in enumerate(boxes):
        for other_x, other_y, other_width, other_height in boxes[at + 1 :]:
            is_beside = x + width <= other_x or other_x + other_width <= x
            assert is_beside or y + height <= other_y or other_y + other_height <= y


def test_nothing_in_a_plane_is_a_drawing_still() -> None:
    empty = Contour(name="Ball", series=1, section=Section(rings=(), is_drawn=False))
    root = read_svg(overlay(FRAME, [empty], [Isodose(percent=95, rings=(), open_lines=())], words=WORDS, shown=SHOWN))
    assert of_class(root, "rt-contour") == of_class(root, "rt-isodose") == []
    assert {"right", "left", "front", "back"} <= set(words_of(root))
    assert "2 cm" in words_of(root)


def test_a_contour_around_the_moon_is_drawn_like_any_other() -> None:
    section = Section(rings=(SQUARE * 1e12,), is_drawn=True)
    drawing = overlay(FRAME, [Contour(name="Far", series=1, section=section)], [], words=WORDS, shown=SHOWN)
    assert len(of_class(read_svg(drawing), "rt-contour")) == 1


def test_the_scale_is_as_long_as_it_says() -> None:
    (bar,) = of_class(read_svg(overlay(FRAME, [], [], words=WORDS, shown=SHOWN)), "rt-scale")
    start, _, rest = bar.get("d", "M0").removeprefix("M").partition(",")
    end = rest.partition("H")[2].partition("V")[0]
    assert (float(end) - float(start)) * FRAME.mm_per_px == pytest.approx(20.0, abs=0.2)


def test_a_key_that_is_no_key_is_refused() -> None:
    with pytest.raises(ValueError, match="is no key"):
        overlay(FRAME, [], [], words=WORDS, shown=Shown(css_px=400, key='a"b'))
