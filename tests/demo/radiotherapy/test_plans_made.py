"""Made plans see their target as geometry says, and their pictured dose is one only in looks."""

from __future__ import annotations

import numpy as np
import pytest
from demo.radiotherapy.apertures import AXIS_MM, BOUNDARIES_MM, View, aperture_around, narrowed
from demo.radiotherapy.objects import dose_grid_over
from demo.radiotherapy.phantoms import PHANTOMS
from demo.radiotherapy.plans import (
    MARGIN_MM,
    beams_of,
    course_of,
    dose_references_of,
    fraction_group_of,
    isocentre_of,
    pictured_dose,
    target_of,
)
from small_cases import case_of

from tianfu.standards.dicom.beams import Technique, segments, technique_of


@pytest.mark.parametrize(
    ("gantry", "source"),
    [(0.0, (0.0, -1.0, 0.0)), (90.0, (1.0, 0.0, 0.0)), (180.0, (0.0, 1.0, 0.0)), (270.0, (-1.0, 0.0, 0.0))],
)
def test_the_source_goes_round_the_patient_by_iec_61217(gantry: float, source: tuple[float, float, float]) -> None:
    view = View(isocentre=np.zeros(3), gantry_degrees=gantry)
    assert view.toward_source == pytest.approx(source, abs=1e-12)


def test_what_is_nearer_to_the_source_looks_larger() -> None:
    view = View(isocentre=np.zeros(3), gantry_degrees=0.0)
    assert view.seen(np.array([[10.0, -100.0, 0.0]]))[0] == pytest.approx([10 * AXIS_MM / (AXIS_MM - 100), 0.0])


def test_leaves_stand_around_a_ball_by_its_projected_radius() -> None:
    case = case_of("sphere")
    aperture = aperture_around(target_of(case), View(isocentre=np.zeros(3), gantry_degrees=0.0), margin_mm=MARGIN_MM)
    # The tangent from the source touches a ball of radius r at the angle asin(r / axis).
    radius = AXIS_MM * np.tan(np.arcsin(22.0 / AXIS_MM))
    assert aperture.second_mm.max() == pytest.approx(radius + MARGIN_MM, abs=0.2)
    assert aperture.first_mm.min() == pytest.approx(-radius - MARGIN_MM, abs=0.2)


@pytest.mark.parametrize("name", PHANTOMS)
def test_every_point_of_the_target_is_seen_through_the_first_segment(name: str) -> None:
    case = case_of(name)
    view = View(isocentre=isocentre_of(target_of(case)), gantry_degrees=51.0, collimator_degrees=5.0)
    aperture = aperture_around(target_of(case), view, margin_mm=MARGIN_MM)
    seen = view.seen(np.concatenate([ring.points for ring in target_of(case).rings]))
    pair = np.searchsorted(BOUNDARIES_MM, seen[:, 1], side="right") - 1
    assert (seen[:, 0] > aperture.first_mm[pair]).all()
    assert (seen[:, 0] < aperture.second_mm[pair]).all()


def test_segments_never_cross_their_leaves() -> None:
    view = View(isocentre=np.zeros(3), gantry_degrees=30.0)
    whole = aperture_around(target_of(case_of("ring")), view, margin_mm=MARGIN_MM)
    part = narrowed(whole, from_share=0.6, to_share=0.6)
    assert (part.second_mm >= part.first_mm).all()
    assert not part.is_open


def test_fields_are_step_and_shoot_and_their_segments_sum_up() -> None:
    case = case_of("parts")
    course = course_of(case)
    for beam in beams_of(case, course):
        assert technique_of(beam) is Technique.STEP_AND_SHOOT
        assert sum(one.meterset for one in segments(beam, meterset=80.0)) == pytest.approx(80.0)


def test_beams_together_give_the_fraction_s_dose() -> None:
    case = case_of("parts")
    course = course_of(case)
    group = fraction_group_of(course, np.zeros(3))
    assert sum(beam.dose_gy or 0 for beam in group.beams) * course.fractions == pytest.approx(course.gy, rel=1e-3)


def test_the_target_is_prescribed_to_and_organs_are_limited() -> None:
    case = case_of("sphere")
    first, *others = dose_references_of(case, course_of(case))
    assert (first.kind, first.structure) == ("TARGET", case.structure("PTV_5000").number)
    assert {one.kind for one in others} == {"ORGAN_AT_RISK"}


def test_the_picture_of_a_dose_is_as_prescribed_in_the_middle_and_falls_off() -> None:
    case = case_of("sphere")
    course = course_of(case)
    picture = pictured_dose(case, course, dose_grid_over(case.ct.grid))
    middle = np.rint(picture.grid.indices(isocentre_of(target_of(case)))).astype(int)
    assert picture.values[middle[2], middle[1], middle[0]] == pytest.approx(course.gy, rel=0.03)
    assert picture.values[0].max() < 0.05 * course.gy


def test_a_case_without_a_target_is_refused() -> None:
    case = case_of("sphere")
    with pytest.raises(ValueError, match="no target"):
        target_of(type(case)(**{**vars(case), "structures": case.structures[:1]}))
