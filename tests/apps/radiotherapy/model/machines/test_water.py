"""Dose in water on the axis: against a closed form, against matRad's lattice, and as physics has it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from demo.radiotherapy.machines import made_beam
from scipy.special import erf

from tests.radiotherapy_machine import closed_dose
from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.apps.radiotherapy.model.machines.calibration import calibrated
from tianfu.apps.radiotherapy.model.machines.kernels import core_and_skirt, kernels_at
from tianfu.apps.radiotherapy.model.machines.kernels_mat import read_pencil_beam
from tianfu.apps.radiotherapy.model.machines.water import FWHM_PER_SIGMA, axis_weights, blurred_kernels, depth_dose
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats

GENERIC = Path(__file__).parents[6] / "shared/data/radiotherapy/photons_Generic.mat"
needs_generic = pytest.mark.skipif(not GENERIC.exists(), reason="the shared data folder is not there")


@cache
def generic() -> PencilBeam:
    return read_pencil_beam(GENERIC.read_bytes())


def dose(beam: PencilBeam, depths: Floats | list[float], *, field: float = 100.0, surface: float = 1000.0) -> Floats:
    return depth_dose(beam, field_mm=field, depths_mm=np.asarray(depths, dtype=float), surface_mm=surface)


@pytest.mark.parametrize("field", [10.0, 50.0, 100.0, 250.0])
def test_dose_on_the_axis_is_that_of_the_closed_form(field: float) -> None:
    computed = dose(made_beam(spacing_mm=0.1), [5.0, 100.0, 250.0], field=field, surface=900.0)
    known = [closed_dose(field_mm=field, depth_mm=depth, surface_mm=900.0) for depth in (5.0, 100.0, 250.0)]
    assert computed == pytest.approx(known, rel=1e-4)


def test_half_the_spacing_of_radii_leaves_a_quarter_of_the_error() -> None:
    known = closed_dose(field_mm=100.0, depth_mm=100.0, surface_mm=900.0)
    wrong = [dose(made_beam(spacing_mm=spacing), [100.0], surface=900.0)[0] / known - 1 for spacing in (0.5, 0.25)]
    assert wrong[0] == pytest.approx(0.001, rel=0.1)
    assert wrong[1] == pytest.approx(wrong[0] / 4, rel=0.1)


@pytest.mark.parametrize("beam", [pytest.param(made_beam, id="made"), pytest.param(generic, marks=needs_generic)])
def test_finer_steps_move_a_calibration_by_less_than_a_twentieth_of_a_percent(beam: type) -> None:
    doses = [
        depth_dose(beam(), field_mm=100.0, depths_mm=np.array([15.0, 100.0]), surface_mm=1000.0, step_mm=step)
        for step in (0.1, 0.05)
    ]
    assert doses[0] == pytest.approx(doses[1], rel=5e-4)


def test_fluence_outside_the_field_counts_for_nothing_and_inside_in_proportion() -> None:
    beam = made_beam()
    shaded = replace(beam, primary=np.array([[0.0, 2.0], [71.0, 2.0], [71.5, 0.0], [300.0, 0.0]]))
    assert dose(shaded, [100.0]) == pytest.approx(2 * dose(beam, [100.0]), rel=1e-12)


def test_dose_falls_with_the_square_of_the_distance() -> None:
    near, far = (dose(made_beam(), [100.0], surface=surface)[0] for surface in (600.0, 1000.0))
    assert near / far == pytest.approx((1100 / 700) ** 2, rel=1e-12)  # its kernels do not know the surface


def test_kernels_between_two_distances_are_between_them() -> None:
    beam = made_beam(spacing_mm=20.0)
    beam = replace(beam, kernels=beam.kernels * np.array([1.0, 2.0, 4.0])[:, None, None])
    assert kernels_at(beam, surface_mm=800.0) == pytest.approx(beam.kernels[0] * 2.4)
    assert kernels_at(beam, surface_mm=500.0) == pytest.approx(beam.kernels[0])
    assert kernels_at(beam, surface_mm=1000.0) == pytest.approx(beam.kernels[2])


@pytest.mark.parametrize("surface", [499.9, 1000.1, float("nan")])
def test_beyond_the_kernels_no_dose_is_told(surface: float) -> None:
    with pytest.raises(Refusal) as refused:
        dose(made_beam(), [100.0], surface=surface)
    assert refused.value.code == "surface-beyond-kernels"


def test_kernels_of_one_distance_serve_that_alone() -> None:
    beam = made_beam(spacing_mm=20.0)
    beam = replace(beam, surfaces_mm=beam.surfaces_mm[:1], kernels=beam.kernels[:1])
    assert kernels_at(beam, surface_mm=500.0) == pytest.approx(beam.kernels[0])


def test_the_blur_moves_dose_and_loses_none() -> None:
    radius = np.arange(0.0, 170.0, 0.1)
    beam = made_beam(spacing_mm=0.1)
    core, skirt = core_and_skirt(beam, surface_mm=750.0)
    sharp = core[0] + 2 * np.pi * np.trapezoid(skirt[0] * beam.radius_mm, beam.radius_mm)
    soft = 2 * np.pi * np.trapezoid(blurred_kernels(beam, radius, surface_mm=750.0)[0] * radius, radius)
    assert soft == pytest.approx(sharp, rel=2e-4)
    assert sharp == pytest.approx(0.75, rel=2e-4)  # the first Gaussian's share


def test_the_calibration_gives_its_output_back() -> None:
    calibration = calibrated(made_beam(), field_mm=100.0, depth_mm=100.0, surface_mm=900.0, output_gy_per_mu=0.01)
    assert calibration.gy_per_mu * dose(made_beam(), [100.0], surface=900.0)[0] == pytest.approx(0.01, rel=1e-12)


def test_no_monitor_unit_is_worth_anything_where_the_kernels_give_no_dose() -> None:
    beam = made_beam()
    with pytest.raises(Refusal) as refused:
        calibrated(
            replace(beam, kernels=-beam.kernels),
            field_mm=100.0,
            depth_mm=100.0,
            surface_mm=900.0,
            output_gy_per_mu=0.01,
        )
    assert refused.value.code == "beam-without-dose"


@needs_generic
@pytest.mark.parametrize("field", [20.0, 100.0])
def test_the_generic_beam_weighs_as_on_matrads_lattice(field: float) -> None:
    # matRad sums fluence times kernel over points 0.5 mm apart, with the table's first value at the pencil.
    beam = replace(generic(), primary=np.array([[0.0, 1.0], [400.0, 1.0]]))
    places = np.arange(-359, 360) * 0.5
    sigma = beam.penumbra_fwhm_mm / FWHM_PER_SIGMA
    edge = [erf((places + side * field / 2) / (np.sqrt(2) * sigma)) for side in (1, -1)]
    fluence = np.outer(edge[0] - edge[1], edge[0] - edge[1]) / 4
    away = np.hypot(places[:, None], places)
    lattice = [
        (fluence * np.interp(away, beam.radius_mm, kernel, right=0.0)).sum() / 4
        for kernel in kernels_at(beam, surface_mm=900.0)
    ]
    assert axis_weights(beam, field_mm=field, surface_mm=900.0) == pytest.approx(lattice, rel=5e-4, abs=1e-4)


@needs_generic
def test_the_generic_beam_is_one_of_6_mv() -> None:
    depths = np.arange(0.0, 301.0)
    curve = dose(generic(), depths)
    maximum = int(curve.argmax())
    # Build-up without electrons from the head: 13 mm, where 14 to 16 mm are usual.  [memory]
    assert maximum == 13
    assert (np.diff(curve[maximum:]) < 0).all()
    assert curve[100] / curve.max() == pytest.approx(0.655, abs=0.002)  # 0.66 to 0.67 are usual  [memory]
    # TPR20,10 as IAEA TRS-398 defines it; 0.66 to 0.69 are usual at 6 MV.  [memory]
    ratio = dose(generic(), [200.0], surface=800.0)[0] / dose(generic(), [100.0], surface=900.0)[0]
    assert ratio == pytest.approx(0.688, abs=0.002)


@needs_generic
def test_output_grows_with_the_field() -> None:
    outputs = [dose(generic(), [100.0], field=field, surface=900.0)[0] for field in (20.0, 50.0, 100.0, 200.0, 300.0)]
    assert (np.diff(outputs) > 0).all()
