"""Segments on a whole machine, by both engines: monitor units, the standard's turns, voxels in any order."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from tests.apps.radiotherapy.model.transport.water import box, grid_about_origin
from tests.radiotherapy_plan import small_machine
from tianfu.apps.radiotherapy.model.optimisation.apertures import FieldSegments, Segment, Span
from tianfu.apps.radiotherapy.model.planning.engines import ENGINES, Engine, Given, fraction_dose
from tianfu.apps.radiotherapy.model.planning.subjects import Patient
from tianfu.apps.radiotherapy.model.transport.fields import Field
from tianfu.apps.radiotherapy.model.transport.pencil_beam import Settings
from tianfu.apps.radiotherapy.model.transport.tracing import Resolution
from tianfu.standards.dicom.grids import Floats, Grid, Volume

WATER = box(grid_about_origin((168.0, 168.0, 168.0), 4.0), (160.0, 160.0, 160.0))
HALF_MM = 160.0


def a_part(x_mm: Span, y_mm: Span, *, mu: float) -> FieldSegments:
    """One rectangular segment, its tips back by what passes their rounded ends, all other pairs under a jaw."""
    leaves = small_machine().leaves
    edges = np.array(leaves.boundaries_mm)
    is_open = (edges[:-1] >= y_mm[0]) & (edges[1:] <= y_mm[1])
    back = leaves.rounded_end_mm
    parked = x_mm[0] - 10.0
    segment = Segment(
        first_mm=np.where(is_open, x_mm[0] + back, parked), second_mm=np.where(is_open, x_mm[1] - back, parked), mu=mu
    )
    return FieldSegments(field=0, jaws_x_mm=x_mm, jaws_y_mm=y_mm, segments=(segment,))


def dose_of(part: FieldSegments, field: Field, patient: Patient, engine: Engine) -> NDArray[np.float32]:
    machine = small_machine()
    settings = Settings(
        gy_per_mu=machine.calibration.gy_per_mu,
        lateral_cut_off_mm=50.0,
        surface_density=0.05,
        resolution=Resolution(ray_mm=2.0, step_mm=2.0),
    )
    given = Given(parts=(part,), fields=(field,), machine=machine, settings=settings)
    return fraction_dose(given, patient, engine=engine, counted=lambda *_: None).values


def patient_at(middle: Floats) -> Patient:
    """The water, with dose wanted in a small cube about a place."""
    grid = Grid(origin=middle - 30.0, axes=np.eye(3), spacing=np.full(3, 3.0), shape=(21, 21, 21))
    return Patient(density=WATER, grid=grid, body=np.ones(grid.shape, np.bool_))


def turned(place: Floats, *, gantry: float, collimator: float, couch: float) -> Floats:
    """A place of the collimator's system in the patient, on his back and head first, by the turns of IEC 61217 one
    after another: the collimator's about z, the gantry's about y, the couch's back about z; then x, -z, y.
    """
    x, y, z = place
    c, g, s = np.radians([collimator, gantry, couch])
    x, y = x * np.cos(c) - y * np.sin(c), x * np.sin(c) + y * np.cos(c)
    x, z = x * np.cos(g) + z * np.sin(g), -x * np.sin(g) + z * np.cos(g)
    x, y = x * np.cos(s) + y * np.sin(s), -x * np.sin(s) + y * np.cos(s)
    return np.array([x, -z, y])


@pytest.mark.slow  # both engines in a cube of 320 mm, with their kernels compiled
@pytest.mark.parametrize(("engine", "within"), [("pencil-beam", 0.005), ("collapsed-cone", 0.03)])
@pytest.mark.parametrize(("gantry", "collimator", "couch"), [(0.0, 0.0, 0.0), (270.0, 30.0, 0.0), (0.0, 77.0, 40.0)])
def test_monitor_units_give_their_gray_where_the_machine_is_calibrated(
    engine: Engine, within: float, gantry: float, collimator: float, couch: float
) -> None:
    """The machine's file says 1 cGy for each, in water under 15 mm of it, the field 100 mm wide 1 m from the source."""
    calibration = small_machine().calibration
    assert (calibration.field_mm, calibration.depth_mm, calibration.surface_mm) == (100.0, 15.0, 1000.0)
    assert calibration.output_gy_per_mu == 0.01
    turns = {"gantry": gantry, "collimator": collimator, "couch": couch}
    isocentre = turned(np.array([0.0, 0.0, HALF_MM]), **turns)
    point = turned(np.array([0.0, 0.0, HALF_MM - 15.0]), **turns)
    field = Field(
        number=1, isocentre=isocentre, gantry_degrees=gantry, collimator_degrees=collimator, couch_degrees=couch
    )
    dose = dose_of(a_part((-50.0, 50.0), (-50.0, 50.0), mu=250.0), field, patient_at(point), engine)
    assert float(dose[10, 10, 10]) == pytest.approx(2.5, rel=within)


@pytest.mark.slow  # as above
@pytest.mark.parametrize("engine", ENGINES)
def test_an_opening_beside_the_axis_is_where_the_standards_turns_bring_it(engine: Engine) -> None:
    """And nowhere that any other sign of an angle, or exchanged jaws, would bring it."""
    turns = {"gantry": 47.0, "collimator": 23.0, "couch": 14.0}
    field = Field(number=1, isocentre=np.zeros(3), gantry_degrees=47.0, collimator_degrees=23.0, couch_degrees=14.0)
    grid = grid_about_origin((82.5, 82.5, 82.5), 5.0)
    patient = Patient(density=WATER, grid=grid, body=np.ones(grid.shape, np.bool_))
    dose = dose_of(a_part((10.0, 40.0), (20.0, 60.0), mu=100.0), field, patient, engine)
    inside, edge, *outside = (
        float(map_coordinates(dose, grid.indices(turned(np.array([x, y, 0.0]), **turns))[::-1, None], order=1)[0])
        for x, y in ((25, 40), (10, 40), (-25, 40), (25, -40), (-25, -40), (0, 40), (52, 40), (25, 8), (25, 72))
    )
    assert max(outside) < 0.2 * inside
    assert edge == pytest.approx(0.5 * inside, rel=0.1)


@cache
def made_patient() -> Patient:
    """Voxels of many densities, longer than wide and not alike along any axis, and others for dose."""
    grid = Grid(
        origin=np.array([-90.0, -80.0, -70.0]), axes=np.eye(3), spacing=np.array([3.0, 4.0, 5.0]), shape=(29, 41, 61)
    )
    values = np.zeros(grid.shape, np.float32)
    inner = values[2:-2, 2:-2, 2:-2]
    inner[...] = 0.3 + np.random.default_rng(3).random(inner.shape)
    wanted = Grid(
        origin=np.array([-40.0, -50.0, -45.0]), axes=np.eye(3), spacing=np.array([4.0, 5.0, 3.0]), shape=(31, 21, 22)
    )
    return Patient(density=Volume(grid=grid, values=values), grid=wanted, body=np.ones(wanted.shape, np.bool_))


def reordered(
    volume: Volume[np.float32], order: tuple[int, int, int], signs: tuple[int, int, int]
) -> Volume[np.float32]:
    """The same volume with the patient's axes in another order and other senses along columns, rows and slices."""
    grid, last = volume.grid, np.array(volume.grid.shape[::-1]) - 1
    first = np.zeros(3)
    for axis, sign in zip(order, signs, strict=True):
        first[axis] = last[axis] if sign < 0 else 0
    values = volume.values.transpose(2, 1, 0).transpose(order)
    values = np.ascontiguousarray(values[tuple(slice(None, None, sign) for sign in signs)].transpose(2, 1, 0))
    slices, rows, columns = values.shape
    return Volume(
        grid=Grid(
            origin=grid.points(first),
            axes=np.array([sign * grid.axes[axis] for axis, sign in zip(order, signs, strict=True)]),
            spacing=grid.spacing[list(order)],
            shape=(slices, rows, columns),
        ),
        values=values,
    )


@pytest.mark.slow  # as above
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("image", "dose"),
    [
        (((0, 1, 2), (-1, -1, 1)), ((0, 1, 2), (1, -1, -1))),
        (((2, 0, 1), (-1, 1, -1)), ((1, 0, 2), (1, -1, 1))),
    ],
    ids=["prone-image-and-feet-first-dose", "sagittal-image-and-exchanged-dose"],
)
def test_dose_does_not_depend_on_the_order_in_which_voxels_lie(
    engine: Engine,
    image: tuple[tuple[int, int, int], tuple[int, int, int]],
    dose: tuple[tuple[int, int, int], tuple[int, int, int]],
) -> None:
    field = Field(
        number=1,
        isocentre=np.array([3.0, -4.0, 5.0]),
        gantry_degrees=47.0,
        collimator_degrees=23.0,
        couch_degrees=14.0,
    )
    part, patient = a_part((-20.0, 30.0), (-20.0, 40.0), mu=100.0), made_patient()
    expected = reordered(Volume(grid=patient.grid, values=dose_of(part, field, patient, engine)), *dose)
    other = replace(
        patient,
        density=reordered(patient.density, *image),
        grid=expected.grid,
        body=np.ones(expected.grid.shape, np.bool_),
    )
    found = dose_of(part, field, other, engine)
    np.testing.assert_allclose(found, expected.values, atol=1e-5 * float(expected.values.max()))
