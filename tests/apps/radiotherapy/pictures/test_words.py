"""The words of pictures in both languages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tianfu.apps.radiotherapy as app
from tests.apps.radiotherapy.pictures.sights import MIDDLE, grid_about
from tests.apps.radiotherapy.pictures.test_gamma_plot import mixed
from tianfu.apps.radiotherapy.pictures.frames import PlaneKind, Side, plane_frame
from tianfu.apps.radiotherapy.pictures.windows import WindowName
from tianfu.apps.radiotherapy.pictures.words import dvh_words, gamma_words, overlay_words, plane_word, window_word
from tianfu.web.languages import Language, load_languages
from tianfu.web.pages import WEB_FOLDER

LANGUAGES = load_languages([WEB_FOLDER / "languages", Path(str(app.__file__)).parent / "languages"])


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES.keys())
def test_everything_can_be_said(language: Language) -> None:
    frame = plane_frame(grid_about(np.eye(3)), PlaneKind.SAGITTAL, float(MIDDLE[0]))
    words = overlay_words(frame, structures=3, language=language)
    assert "x = 12.0 mm" in words.title
    assert set(words.sides) == set(Side)
    assert all(plane_word(kind, language) for kind in PlaneKind)
    assert len({window_word(name, language) for name in WindowName}) == len(WindowName)
    assert "3" in dvh_words(language, key="a", structures=3).description
    assert "60.0" in gamma_words(mixed(), language, key="a").description
