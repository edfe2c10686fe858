"""The profile of areas between and beyond planes."""

from __future__ import annotations

import numpy as np
import pytest

from tianfu.apps.radiotherapy.model.areas import profile_of

STEP = 3.0


def test_a_sphere_is_exact_with_its_poles() -> None:
    z = np.arange(-9.0, 10.0, STEP) + 0.7
    profile = profile_of(z.tolist(), (np.pi * (100 - z**2)).tolist(), step_mm=STEP)
    assert (profile.low_mm, profile.high_mm) == (pytest.approx(-10), pytest.approx(10))
    assert profile.volume_mm3(-99, 99) == pytest.approx(4 / 3 * np.pi * 1000)
    assert profile.mean_mm2(2.0, 2.5) == pytest.approx(np.pi * (100 - (2.5**3 - 2.0**3) / 3 / 0.5))


def test_a_cone_ends_at_its_apex_and_half_a_step_beyond_its_base() -> None:
    z = np.arange(1.0, 20.0, STEP)
    profile = profile_of(z.tolist(), (0.5 * z**2).tolist(), step_mm=STEP)
    assert profile.low_mm == pytest.approx(0.0, abs=1e-6)
    assert profile.high_mm == 20.5
    assert profile.volume_mm3(-99, 19.0) == pytest.approx(0.5 * 19.0**3 / 3)


def test_a_cylinder_ends_half_a_step_beyond_its_planes() -> None:
    profile = profile_of([0.0, 3.0, 6.0], [50.0, 50.0, 50.0], step_mm=STEP)
    assert (profile.low_mm, profile.high_mm) == (-1.5, 7.5)


def test_one_plane_is_a_slab_of_one_step() -> None:
    profile = profile_of([4.0], [50.0], step_mm=STEP)
    assert profile.volume_mm3(-99, 99) == pytest.approx(150.0)


def test_between_two_wide_planes_and_two_narrow_ones_no_area_is_negative() -> None:
    profile = profile_of([0.0, 3.0, 6.0, 9.0], [100.0, 1.0, 1.0, 100.0], step_mm=STEP)
    assert min(profile.area_mm2(z) for z in np.linspace(0, 9, 100)) >= 1.0 - 1e-9
