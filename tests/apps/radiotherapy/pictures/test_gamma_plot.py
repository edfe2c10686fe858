"""Gamma as pictures."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tests.apps.radiotherapy.pictures.sights import of_class, pixels_of, points_of, read_svg, words_of
from tianfu.apps.radiotherapy.model.gamma import Fate, GammaMap
from tianfu.apps.radiotherapy.model.gamma_criteria import Difference, GammaCriteria, Search
from tianfu.apps.radiotherapy.pictures.frames import PlaneKind, plane_frame
from tianfu.apps.radiotherapy.pictures.gamma_colours import OUTSIDE_GREYS, colours_of
from tianfu.apps.radiotherapy.pictures.gamma_plot import (
    GammaWords,
    failing_outline,
    gamma_histogram,
    gamma_legend,
    gamma_png,
)
from tianfu.apps.radiotherapy.pictures.scales import COMPACT, WIDE, Layout
from tianfu.standards.dicom.grids import Floats, Grid, Volume

WORDS = GammaWords(
    key="gamma",
    title="Gamma <b>",
    description="Agreement",
    gamma="γ",
    passes="passes",
    fails="fails",
    not_reached="not reached",
    share="Share",
)
CRITERIA = GammaCriteria(
    dose_difference_percent=3,
    distance_mm=3,
    difference=Difference.GLOBAL,
    normalisation_gy=60.0,
    threshold_percent=10,
    gamma_max=2.0,
    search=Search.VOLUME,
)
GRID = Grid(origin=np.array([-5.0, 3.0, 7.0]), axes=np.eye(3), spacing=np.array([2.0, 2.0, 3.0]), shape=(2, 3, 4))
FRAME = plane_frame(GRID, PlaneKind.AXIAL, 7.0)


def made_map(gammas: Floats, fates: Floats | None = None) -> GammaMap:
    """A map of given gammas; without fates, NaN are below the threshold."""
    values = gammas.astype(np.float32)
    kinds = np.where(np.isnan(values), Fate.BELOW, Fate.JUDGED) if fates is None else fates
    judged = values[kinds == Fate.JUDGED]
    return GammaMap(
        criteria=CRITERIA,
        normalisation_gy=60.0,
        gammas=Volume(grid=GRID, values=values),
        fates=kinds.astype(np.uint8),
        below=int((kinds == Fate.BELOW).sum()),
        outside=int((kinds == Fate.OUTSIDE).sum()),
        judged=len(judged),
        passed=int((judged <= 1).sum()),
        capped=int((judged >= 2).sum()),
        mean=float(judged.mean()),
        median=float(np.median(judged)),
        p95=float(np.percentile(judged, 95)),
        highest=float(judged.max()),
    )


def mixed() -> GammaMap:
    """In its first slice: three that pass, one of them with 1 exactly, one that fails, the rest below."""
    gammas = np.full(GRID.shape, np.nan)
    gammas[0, 0] = [0.2, 0.6, 1.0, 1.45]
    gammas[1, 2, 3] = 2.0
    return made_map(gammas)


def test_points_below_the_threshold_are_transparent_and_the_others_have_their_colour() -> None:
    shown = pixels_of(gamma_png(mixed(), FRAME))
    assert shown.shape == (3, 4, 4)
    assert shown[..., 3].tolist() == [[255] * 4, [0] * 4, [0] * 4]
    np.testing.assert_array_equal(shown[0, :, :3], colours_of(np.array([0.2, 0.6, 1.0, 1.45])))


def test_the_map_is_upright() -> None:
    """The one point of the upper slice lies to the patient's left: in coronal planes on the right, above."""
    frame = plane_frame(GRID, PlaneKind.CORONAL, 7.0, mm_per_px=1.0)
    shown = pixels_of(gamma_png(mixed(), frame))
    rows, columns = np.nonzero(shown[..., 3])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (0, 2, 6, 7)


def test_points_without_an_evaluated_dose_are_chequered_and_not_coloured() -> None:
    gammas, fates = np.full(GRID.shape, np.nan), np.full(GRID.shape, Fate.OUTSIDE)
    gammas[0, 0, 0], fates[0, 0, 0] = 0.5, Fate.JUDGED
    frame = plane_frame(GRID, PlaneKind.AXIAL, 7.0, mm_per_px=0.25)
    shown = pixels_of(gamma_png(made_map(gammas, fates), frame))
    found = Counter(map(tuple, shown[10:, 10:].reshape(-1, 4).tolist()))
    assert set(found) == {(grey, grey, grey, 255) for grey in OUTSIDE_GREYS}


def test_around_the_map_there_is_nothing() -> None:
    wide = Grid(origin=np.array([-50.0, -50, 7]), axes=np.eye(3), spacing=np.array([2.0, 2, 3]), shape=(1, 60, 60))
    shown = pixels_of(gamma_png(mixed(), plane_frame(wide, PlaneKind.AXIAL, 7.0)))
    assert int((shown[..., 3] > 0).sum()) == 4


def test_passing_and_failing_differ_for_eyes_that_see_no_red_or_no_green() -> None:
    """Blue rises towards 1 from below and is low above it; protan and deutan eyes see blue against yellow."""
    passing, failing = colours_of(np.linspace(0, 1, 50)).astype(int), colours_of(np.linspace(1.01, 2, 50)).astype(int)
    assert (passing[:, 2] - passing[:, 0]).min() >= 30
    assert (failing[:, 0] - failing[:, 2]).min() >= 100


def test_failing_points_have_an_outline() -> None:
    path = read_svg(failing_outline(mixed(), FRAME))
    points = points_of(path)
    np.testing.assert_allclose([points.min(axis=0), points.max(axis=0)], [[3, 0], [4, 1]], atol=0.11)
    assert failing_outline(made_map(np.full(GRID.shape, 0.5)), FRAME) == ""


@pytest.mark.parametrize("layout", [WIDE, COMPACT], ids=["wide", "compact"])
def test_bars_of_what_passes_are_filled_and_those_of_what_fails_are_hollow(layout: Layout) -> None:
    """Of five points three pass, among them the one with 1 exactly."""
    root = read_svg(gamma_histogram(mixed(), words=WORDS, layout=layout))
    passed, failed = of_class(root, "rt-passed"), of_class(root, "rt-failed")
    assert [each[0].text for each in passed] == ["0.2–0.3: 20.0 %", "0.6–0.7: 20.0 %", "0.9–1: 20.0 %"]
    assert [each[0].text for each in failed] == ["1.4–1.5: 20.0 %", "1.9–2: 20.0 %"]
    assert {"passes", "fails"} <= set(words_of(root))


def test_the_legend_says_in_words_what_colours_mean() -> None:
    root = read_svg(gamma_legend(words=WORDS, layout=COMPACT))
    assert {"0", "1", "≥ 2", "γ · passes", "fails", "not reached"} <= set(words_of(root))
