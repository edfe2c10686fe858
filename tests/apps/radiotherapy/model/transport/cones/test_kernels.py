from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tests.apps.radiotherapy.model.transport.cones.generic import GENERIC, generic_beam
from tests.apps.radiotherapy.model.transport.cones.made import ATTENUATION_PER_MM, BETA_PER_MM, made_beam
from tianfu.apps.radiotherapy.model.transport.cones.kernels import PointKernels, fitted_kernels
from tianfu.apps.radiotherapy.model.transport.cones.reciprocity import Tank, unit_doses
from tianfu.apps.radiotherapy.model.transport.cones.settings import SIX_MEGAVOLT_FIT
from tianfu.apps.radiotherapy.model.transport.cones.water import water_dose, water_energy
from tianfu.kernel.refusal import Refusal

FAR = Tank(surface_mm=1e8, axis_mm=1e8)


@cache
def made_fit() -> PointKernels:
    return fitted_kernels(made_beam(), replace(SIX_MEGAVOLT_FIT, surface_mm=1000.0))


def test_a_pencil_that_hardly_leaves_its_line_is_fitted_by_a_kernel_along_the_beam() -> None:
    kernels = made_fit()
    along = np.einsum("b,bkm->bk", kernels.solid_angles, kernels.weights)
    assert kernels.fit.percent_max < 0.3
    assert along[0, 0] > 0.75 * along.sum()


def test_its_terma_is_all_the_energy_of_the_pencil() -> None:
    kernels = made_fit()
    assert kernels.fit.energy_ratio == pytest.approx(1.0, abs=0.03)
    # One part of its spectrum, that of the pencil's attenuation.
    assert kernels.released.argmax() == list(SIX_MEGAVOLT_FIT.attenuations_per_mm).index(ATTENUATION_PER_MM)


def test_no_weight_is_negative() -> None:
    assert made_fit().weights.min() >= 0


def test_the_same_beam_is_fitted_once_and_another_one_for_itself() -> None:
    beam, settings = made_beam(), replace(SIX_MEGAVOLT_FIT, surface_mm=1000.0)
    other = replace(beam, kernels=0.9 * beam.kernels)
    first, second = fitted_kernels(beam, settings), fitted_kernels(other, settings)
    assert fitted_kernels(beam, settings) is first
    assert fitted_kernels(other, settings) is second
    assert (first.beam, second.beam) == (beam, other)
    assert second.released.sum() == pytest.approx(0.9 * first.released.sum(), rel=1e-6)


def test_kernels_that_do_not_fit_are_refused_with_their_figure() -> None:
    beam = made_beam()
    wide = replace(beam, kernels=np.exp(-(beam.radius_mm**2) / 1800)[None, None])
    with pytest.raises(Refusal, match="cone-kernels-do-not-fit") as refused:
        fitted_kernels(wide, SIX_MEGAVOLT_FIT)
    assert float(refused.value.details["percent"]) > float(refused.value.details["most"]) == 1.5


def test_a_point_deep_in_an_endless_field_takes_up_four_pi_over_the_decay_constant() -> None:
    edges, exponents, attenuations = np.radians([0.0, 40.0, 110.0, 180.0]), np.array([0.3, 0.15]), np.array([1e-12])
    doses = unit_doses(FAR, (edges, exponents, attenuations), radius_mm=1e5, depth_mm=200.0)
    assert doses.sum(axis=(0, 2)) == pytest.approx(4 * np.pi / exponents, rel=1e-4)


def test_a_kernel_along_the_beam_builds_up_as_its_closed_form() -> None:
    # The integral of exp(-m (d - s)) exp(-a s) over s from 0 to d.
    m, a, depth = 0.005, 0.32, 12.0
    edges = np.radians([0.0, 0.01, 180.0])
    doses = unit_doses(FAR, (edges, np.array([a]), np.array([m])), radius_mm=1e5, depth_mm=depth)
    solid_angle = 2 * np.pi * (1 - np.cos(edges[1]))
    expected = solid_angle * (np.exp(-m * depth) - np.exp(-a * depth)) / (a - m)
    assert doses[0, 0, 0] == pytest.approx(expected, rel=1e-4)


def test_the_dose_of_a_gaussian_pencil_in_a_circle_is_its_closed_form() -> None:
    beam, spread = made_beam(), 9.0
    gaussian = np.exp(-(beam.radius_mm**2) / (2 * spread**2)) / (2 * np.pi * spread**2)
    beam = replace(beam, kernels=gaussian[None, None])
    radii, depths = np.array([5.0, 10.0, 30.0]), np.array([10.0, 100.0])
    m, b = ATTENUATION_PER_MM, BETA_PER_MM
    shape = b / (b - m) * (np.exp(-m * depths) - np.exp(-b * depths)) * (1000 / (900 + depths)) ** 2
    expected = (1 - np.exp(-(radii**2) / (2 * spread**2)))[:, None] * shape
    assert water_dose(beam, surface_mm=900.0, radii_mm=radii, depths_mm=depths) == pytest.approx(expected, rel=5e-4)
    assert water_energy(beam, surface_mm=900.0) == pytest.approx(1 / m, rel=5e-4)


@pytest.mark.skipif(not GENERIC.exists(), reason="the generic machine's file is not part of this repository")
@pytest.mark.parametrize("surface_mm", [800.0, 900.0, 1000.0])
def test_the_generic_machines_water_is_met_within_a_percent_of_each_fields_maximum(surface_mm: float) -> None:
    fit = fitted_kernels(generic_beam(), replace(SIX_MEGAVOLT_FIT, surface_mm=surface_mm)).fit
    assert fit.percent_max < 1.0
    assert fit.percent_rms < 0.4
    assert 1.0 < fit.energy_ratio < 1.2
