"""Indices of spheres about one centre in a dose that falls with the distance: all volumes are closed forms.

The dose is 60 Gy - r · 1 Gy/mm, so the isodose of D Gy is the sphere of radius 60 - D mm.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.apps.radiotherapy.model.solids_of_revolution import FRAME, dose_on, grid_about, sphere
from tianfu.apps.radiotherapy.model.dvh import Dvh, dose_volume_histogram
from tianfu.apps.radiotherapy.model.indices import (
    conformity_paddick,
    conformity_rtog,
    gradient_index,
    homogeneity_d5_d95,
    homogeneity_icru83,
    r50,
    radius_of_sphere_mm,
)
from tianfu.kernel.refusal import Refusal

TARGET_MM, BODY_MM, PRESCRIBED_GY = 20.0, 45.0, 36.0
ISODOSE_MM, HALF_MM = 60 - PRESCRIBED_GY, 60 - PRESCRIBED_GY / 2


@pytest.fixture(scope="module")
def target() -> Dvh:
    return _dvh(TARGET_MM)


@pytest.fixture(scope="module")
def body() -> Dvh:
    return _dvh(BODY_MM)


def _dvh(radius: float) -> Dvh:
    dose = dose_on(grid_about(50, 1.5), lambda points: 60 - np.linalg.norm(points, axis=-1))
    return dose_volume_histogram(sphere(radius, step=2), FRAME, dose, slice_thickness_mm=None)


def test_the_prescribed_isodose_over_the_target(body: Dvh, target: Dvh) -> None:
    found = conformity_rtog(body, target_cc=target.volume_cc, prescription_gy=PRESCRIBED_GY)
    assert found == pytest.approx((ISODOSE_MM / TARGET_MM) ** 3, rel=0.01)


def test_paddicks_index_of_a_covered_target(body: Dvh, target: Dvh) -> None:
    """All of the target is covered: the index is target over isodose."""
    found = conformity_paddick(body, target, prescription_gy=PRESCRIBED_GY)
    assert found == pytest.approx((TARGET_MM / ISODOSE_MM) ** 3, rel=0.01)


def test_paddicks_index_of_a_target_that_is_half_covered(body: Dvh, target: Dvh) -> None:
    """At 44 Gy the isodose, 16 mm, lies in the target: the index is isodose over target."""
    assert conformity_paddick(body, target, prescription_gy=44) == pytest.approx((16 / TARGET_MM) ** 3, rel=0.01)


def test_no_conformity_without_the_dose(body: Dvh, target: Dvh) -> None:
    assert conformity_paddick(body, target, prescription_gy=70) == 0


def test_the_half_isodose_over_the_whole_one_and_over_the_target(body: Dvh, target: Dvh) -> None:
    assert gradient_index(body, prescription_gy=PRESCRIBED_GY) == pytest.approx((HALF_MM / ISODOSE_MM) ** 3, rel=0.01)
    assert r50(body, target_cc=target.volume_cc, prescription_gy=PRESCRIBED_GY) == pytest.approx(
        (HALF_MM / TARGET_MM) ** 3, rel=0.01
    )


def test_homogeneity_of_a_sphere(target: Dvh) -> None:
    """The hottest share p is the sphere of radius R p^(1/3), so D(p) = 60 - R p^(1/3)."""
    dose = {p: 60 - TARGET_MM * (p / 100) ** (1 / 3) for p in (2, 5, 50, 95, 98)}
    assert homogeneity_icru83(target) == pytest.approx((dose[2] - dose[98]) / dose[50], abs=0.005)
    assert homogeneity_d5_d95(target) == pytest.approx(dose[5] / dose[95], abs=0.005)


def test_a_volume_has_the_radius_of_its_sphere() -> None:
    assert radius_of_sphere_mm(4 / 3 * np.pi) == pytest.approx(10)


def test_an_index_over_nothing_is_refused(body: Dvh) -> None:
    with pytest.raises(Refusal, match="index-without-base"):
        gradient_index(body, prescription_gy=80)
