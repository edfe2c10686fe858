"""The physics of a pencil beam: closed forms of its own terms (Bortfeld, Schlegel and Rhein, Med Phys 20(2) 1993, 311)
and what holds for any dose.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from tests.apps.radiotherapy.model.transport.influences import matrix_of
from tests.apps.radiotherapy.model.transport.water import (
    AXIS_MM,
    CELL_MM,
    SETTINGS,
    SPREAD_PER_MM,
    WATER,
    a_beam,
    a_field,
    along,
    box,
    grid_about_origin,
    influence_on,
    open_field,
    points_of,
)
from tianfu.apps.radiotherapy.model.transport import pencil_beam
from tianfu.apps.radiotherapy.model.transport.beamlets import beamlets_over
from tianfu.apps.radiotherapy.model.transport.density import cropped
from tianfu.apps.radiotherapy.model.transport.fields import Beamlets, Field
from tianfu.apps.radiotherapy.model.transport.geometry import view_of
from tianfu.apps.radiotherapy.model.transport.kernels import kernels_to_skin, square_spread
from tianfu.apps.radiotherapy.model.transport.pencil_beam import DoseVoxels, influence, surface_of
from tianfu.apps.radiotherapy.model.transport.products import dose_of
from tianfu.apps.radiotherapy.model.transport.tracing import depths_of, fan_of, window_over
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats, Volume

ON_AXIS = along(np.column_stack([np.zeros(90), np.arange(-98.0, 82.0, 2.0), np.zeros(90)]))
ACROSS = along(np.column_stack([np.arange(-70.0, 71.0, 1.0), np.zeros(141), np.zeros(141)]))


def depth_terms(depth_mm: Floats) -> Floats:
    """Each component's dose at a depth (C, n), as the paper has it."""
    beam = a_beam()
    m, beta = beam.attenuation_per_mm, beam.beta_per_mm[:, None]
    return np.asarray(beta / (beta - m) * (np.exp(-m * depth_mm) - np.exp(-beta * depth_mm)))


def in_an_open_square(half_mm: float) -> Floats:
    """How much of each component's kernel a square of beam holds: all that goes straight on, and the integral of the
    exponential over the square, by a fine sum in one octant.
    """
    fine = (np.arange(4000) + 0.5) * half_mm / 4000
    to_edge = np.arctan(fine / half_mm)
    # Within radius r the exponential holds 1 - (1 + s r) exp(-s r); a square is radii up to its edge by angle.
    radius = half_mm / np.cos(to_edge)
    inside = 1 - (1 + SPREAD_PER_MM * radius) * np.exp(-SPREAD_PER_MM * radius)
    around = 0.3 * np.trapezoid(inside, to_edge) / (to_edge[-1] - to_edge[0])
    return np.array([0.8, around])


def term_by_term(field: Field, at_mm: Floats, wanted: DoseVoxels, points: Floats) -> Floats:
    """Dose of beamlets in voxels (n, B) for one monitor unit, straight from the paper's sum; one beamlet at a time."""
    view = view_of(field, axis_mm=AXIS_MM)
    within = np.array([at_mm.min(axis=0) - 40.0, at_mm.max(axis=0) + 40.0])
    window = window_over(wanted.grid, view, within, margin_mm=SETTINGS.resolution.ray_mm)
    depth = depths_of(fan_of(cropped(WATER), view, window, SETTINGS.resolution), wanted.grid, view, wanted.voxels)
    terms = depth_terms(np.maximum(depth, 0.0)) * (AXIS_MM / np.linalg.norm(points - view.source, axis=1)) ** 2
    surface = surface_of(WATER, view, at_mm, field=1, surface_density=SETTINGS.surface_density)
    spread = square_spread(a_beam(), surface, size_mm=5.0, reach_mm=60.0)
    offsets = at_mm[None, :, :] - view.seen(points)[:, None, :]
    places = [offsets[..., 1] / CELL_MM + spread.shape[1] // 2, offsets[..., 0] / CELL_MM + spread.shape[1] // 2]
    sums = sum(
        term[:, None] * ndimage.map_coordinates(each, places, order=1) for term, each in zip(terms, spread, strict=True)
    )
    within = np.hypot(offsets[..., 0], offsets[..., 1]) <= SETTINGS.lateral_cut_off_mm
    return np.where(within, SETTINGS.gy_per_mu * sums, 0.0)


def weights_of(beamlets: Beamlets) -> Floats:
    return np.ones(beamlets.count)


def open_dose(half_mm: float, *, field: Field | None = None) -> Floats:
    beamlets = open_field(field or a_field(), half_mm)
    found = influence_on(ON_AXIS, beamlets, settings=replace(SETTINGS, lateral_cut_off_mm=100.0))
    return np.asarray(dose_of(found, weights_of(beamlets)), np.float64)


def test_depth_dose_of_an_open_field_is_the_closed_sum_of_the_kernels() -> None:
    depth = np.arange(2.0, 182.0, 2.0)
    square = (AXIS_MM / (900.0 + depth)) ** 2
    expected = 0.01 * square * (in_an_open_square(30.0) @ depth_terms(depth))
    # Kernels in cells of 0.5 mm, doses in 16 bits; the skin is a ramp of 5 mm.
    np.testing.assert_allclose(open_dose(30.0)[4:], expected[4:], rtol=0.002)


def test_depth_dose_falls_past_its_maximum() -> None:
    dose = open_dose(30.0)
    top = int(dose.argmax())
    assert 5.0 < 2.0 * (top + 1) < 30.0
    assert (np.diff(dose[top:]) < 0).all()


def test_dose_in_air_falls_with_the_square_of_the_distance() -> None:
    """Behind a thin plate nothing weakens a beam, and what a plane shows at the isocentre it shows everywhere."""
    plate = box(WATER.grid, (100.0, 100.0, 100.0))
    values = plate.values.copy()
    values[:, 6:, :] = 0
    beamlets = open_field(a_field(), 20.0)
    found = influence(Volume(grid=WATER.grid, values=values), a_beam(), beamlets, ON_AXIS, SETTINGS)
    dose = dose_of(found, weights_of(beamlets))[20:]
    distance = 900.0 + np.arange(2.0, 182.0, 2.0)[20:]
    np.testing.assert_allclose(dose * distance**2, dose[0] * distance[0] ** 2, rtol=1e-4)


def test_output_grows_with_the_field_as_the_kernel_s_integral() -> None:
    at_50_mm = [open_dose(half)[24] for half in (10.0, 20.0, 30.0, 40.0)]
    assert (np.diff(at_50_mm) > 0).all()
    shares = [in_an_open_square(half) @ depth_terms(np.array([50.0])) for half in (10.0, 20.0, 30.0, 40.0)]
    np.testing.assert_allclose(np.array(at_50_mm) / at_50_mm[2], np.ravel(shares) / shares[2], rtol=0.005)


def test_two_beamlets_give_the_sum_of_both() -> None:
    both = open_field(a_field(), 10.0)
    pick = [5, 6]
    two = replace(both, field=both.field[pick], at_mm=both.at_mm[pick])
    single = [replace(both, field=both.field[[i]], at_mm=both.at_mm[[i]]) for i in pick]
    together = dose_of(influence_on(ACROSS, two), np.ones(2))
    apart = sum(dose_of(influence_on(ACROSS, each), np.ones(1)) for each in single)
    np.testing.assert_allclose(together, apart, atol=2e-5 * together.max())


def test_a_beamlet_s_profile_is_the_blurred_square_and_its_tail() -> None:
    """Straight on: an edge blurred by the source; the exponential's tail adds less than two parts in a hundred."""
    one = Beamlets(fields=(a_field(),), size_mm=5.0, field=np.zeros(1, np.int16), at_mm=np.array([[2.5, 2.5]]))
    spread = square_spread(a_beam(), 900.0, size_mm=5.0, reach_mm=60.0)
    half = spread.shape[1] // 2
    np.testing.assert_allclose(spread[0].sum() * CELL_MM**2, 0.8 * 25.0, rtol=1e-6)
    found = dose_of(influence_on(ACROSS, one), np.ones(1))
    # At the isocentre's plane a voxel at 3 mm is 0.5 mm and 2.5 mm from the beamlet's middle.
    shares = depth_terms(np.array([100.0]))[:, 0]
    expected = 0.01 * shares @ spread[:, half - 5, half + 1]
    assert found[73] == pytest.approx(expected, rel=1e-3)


def test_the_collimator_s_turn_turns_the_dose() -> None:
    """One beamlet at x, seen along y after a quarter turn, is the same dose as before along x."""
    one = Beamlets(fields=(a_field(),), size_mm=5.0, field=np.zeros(1, np.int16), at_mm=np.array([[22.5, 2.5]]))
    turned = replace(one, fields=(a_field(collimator=90.0),))
    steps = np.arange(-40.0, 41.0, 1.0)
    lateral = along(np.column_stack([steps, 0 * steps, 0 * steps + 2.5]))
    lengthwise = along(np.column_stack([0 * steps - 2.5, 0 * steps, steps]))
    before, after = (dose_of(influence_on(w, b), np.ones(1)) for w, b in ((lateral, one), (lengthwise, turned)))
    assert before.argmax() == 62
    np.testing.assert_allclose(after, before, atol=1e-4 * before.max())


def test_a_cylinder_is_alike_from_all_sides() -> None:
    grid = grid_about_origin((80.0, 80.0, 60.0), 2.0)
    points = points_of(grid)
    inside = np.hypot(points[:, 0], points[:, 1]) < 70.0
    cylinder = Volume(grid=grid, values=inside.astype(np.float32).reshape(grid.shape))
    doses = []
    for gantry in (0.0, 33.0, 90.0, 211.0):
        field = a_field(gantry=gantry)
        toward = view_of(field, axis_mm=AXIS_MM).toward_source
        wanted = along(np.arange(50.0, -51.0, -5.0)[:, None] * toward)
        beamlets = open_field(field, 20.0)
        doses.append(dose_of(influence(cylinder, a_beam(), beamlets, wanted, SETTINGS), weights_of(beamlets)))
    # A millimetre of the cylinder's jagged surface is half a percent of dose.
    np.testing.assert_allclose(doses, np.broadcast_to(doses[0], np.shape(doses)), rtol=0.005)


def test_dose_is_as_many_times_as_monitor_units() -> None:
    beamlets = open_field(a_field(), 20.0)
    found = influence_on(ON_AXIS, beamlets)
    doubled = influence_on(ON_AXIS, beamlets, settings=replace(SETTINGS, gy_per_mu=0.02))
    once = dose_of(found, weights_of(beamlets))
    np.testing.assert_allclose(dose_of(found, 3 * weights_of(beamlets)), 3 * once, rtol=1e-6)
    np.testing.assert_allclose(dose_of(doubled, weights_of(beamlets)), 2 * once, rtol=1e-6)


def test_rows_hold_what_each_beamlet_gives_and_nothing_beyond_the_cut_off() -> None:
    """Against the same sum in full numbers: within half a step of a voxel's 65,535 and single precision."""
    fields = (a_field(gantry=20.0), a_field(gantry=200.0, collimator=30.0, couch=15.0, number=2))
    target = points_of(grid_about_origin((25.0, 10.0, 15.0), 5.0))
    target = target[np.abs(target[:, 0]) > 8.0]
    beamlets = beamlets_over(target, fields, size_mm=5.0, margin_mm=2.5, axis_mm=AXIS_MM)
    wanted = along(np.column_stack([np.arange(-60.0, 61.0, 4.0), np.full(31, 7.0), np.full(31, -11.0)]))
    found = matrix_of(influence_on(wanted, beamlets))
    expected = np.zeros_like(found)
    points = points_of(wanted.grid)
    for number, field in enumerate(fields):
        mine = beamlets.field == number
        expected[:, mine] = term_by_term(field, beamlets.at_mm[mine], wanted, points)
    assert (found[expected == 0] == 0).all()
    steps = found.max(axis=1) / 65_535
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=0.6 * steps.max())


@pytest.mark.parametrize("size_mm", [5.0, 20.0])
def test_a_cut_off_beyond_the_kernels_reach_gives_all_that_they_hold(size_mm: float) -> None:
    """Beyond their last radius, 179.5 mm, kernels hold nothing, and less of their middle may not be lost for that."""
    beamlets = open_field(a_field(), 20.0, size_mm=size_mm)
    near, far = (
        dose_of(
            influence_on(ACROSS, beamlets, settings=replace(SETTINGS, lateral_cut_off_mm=cut)),
            np.ones(len(beamlets.at_mm)),
        )
        for cut in (140.0, 200.0)
    )
    np.testing.assert_allclose(far, near, atol=1e-5 * near.max())


def test_blocks_of_voxels_change_no_bit_and_each_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    beamlets = open_field(a_field(), 20.0)
    whole = influence_on(ACROSS, beamlets)
    monkeypatch.setattr(pencil_beam, "BLOCK_VOXELS", 50)
    heard: list[tuple[int, int]] = []
    parts = influence(
        WATER, a_beam(), beamlets, ACROSS, SETTINGS, counted=lambda done, total: heard.append((done, total))
    )
    for name in ("voxel_runs", "run_beamlets", "run_values", "values", "scale"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
    assert heard == [(1, 4), (2, 4), (3, 4), (4, 4)]  # one field, and 141 voxels in blocks of 50


def test_sixteen_bits_are_wrong_by_half_a_step_at_most() -> None:
    beamlets = open_field(a_field(), 20.0)
    alone = [replace(beamlets, field=beamlets.field[[i]], at_mm=beamlets.at_mm[[i]]) for i in (0, 27, 36)]
    together = matrix_of(influence_on(ACROSS, beamlets))
    for number, one in zip((0, 27, 36), alone, strict=True):
        # A beamlet that is alone is its voxel's largest: its scale is its dose in 24 bits.
        exact = matrix_of(influence_on(ACROSS, one))[:, 0]
        steps = together.max(axis=1) / 65_535
        assert (np.abs(together[:, number] - exact) <= 0.5 * steps * (1 + 1e-3) + 1e-7 * exact).all()


def test_beamlets_beside_the_lattice_are_refused() -> None:
    beamlets = open_field(a_field(), 10.0)
    askew = replace(beamlets, at_mm=beamlets.at_mm + np.linspace(0, 1, beamlets.count)[:, None])
    with pytest.raises(Refusal) as refused:
        influence_on(ACROSS, askew)
    assert refused.value.code == "beamlets-not-on-lattice"


def test_a_field_that_misses_the_patient_is_refused() -> None:
    beside = replace(a_field(), isocentre=np.array([500.0, 0.0, 0.0]))
    with pytest.raises(Refusal) as refused:
        influence_on(ACROSS, open_field(beside, 10.0))
    assert refused.value.code == "field-misses-patient"


def test_a_skin_nearer_than_the_kernels_is_refused() -> None:
    far = replace(a_field(), isocentre=np.array([0.0, 600.0, 0.0]))
    with pytest.raises(Refusal) as refused:
        influence_on(ACROSS, open_field(far, 10.0))
    assert refused.value.code == "surface-beyond-kernels"


@pytest.mark.parametrize("beyond_mm", [0.2, 1.9])
def test_a_skin_that_an_image_shows_a_little_beyond_the_kernels_has_the_last_ones(beyond_mm: float) -> None:
    beam = a_beam()
    assert np.array_equal(kernels_to_skin(beam, beam.surfaces_mm[-1] + beyond_mm), beam.kernels[-1])
    assert np.array_equal(kernels_to_skin(beam, beam.surfaces_mm[0] - beyond_mm), beam.kernels[0])
    with pytest.raises(Refusal) as refused:
        kernels_to_skin(beam, beam.surfaces_mm[-1] + 2 + beyond_mm)
    assert refused.value.code == "surface-beyond-kernels"


def test_a_target_without_voxels_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        beamlets_over(np.zeros((0, 3)), (a_field(),), size_mm=5.0, margin_mm=5.0, axis_mm=AXIS_MM)
    assert refused.value.code == "beamlets-no-target"


def test_beamlets_cover_all_that_a_field_sees_of_the_target_and_no_more() -> None:
    points = points_of(grid_about_origin((20.0, 20.0, 20.0), 4.0))
    points = points[np.linalg.norm(points - [20.0, 0.0, 0.0], axis=1) > 25.0]
    fields = (a_field(gantry=50.0), a_field(gantry=130.0, collimator=20.0, couch=30.0, number=2))
    found = beamlets_over(points, fields, size_mm=5.0, margin_mm=2.0, axis_mm=AXIS_MM)
    for number, field in enumerate(fields):
        seen = view_of(field, axis_mm=AXIS_MM).seen(points)
        apart = np.abs(found.at_mm[found.field == number][:, None, :] - seen[None, :, :]).max(axis=2)
        assert (apart.min(axis=0) <= 2.5 + 1e-9).all()
        assert (apart.min(axis=1) <= 2.5 + 2.0 + 1e-9).all()
    order = np.lexsort((found.at_mm[:, 0], found.at_mm[:, 1], found.field))
    np.testing.assert_array_equal(order, np.arange(found.count))
