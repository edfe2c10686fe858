"""What a target's histogram is read from is all about the target."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.radiotherapy_plan import small_subject
from tianfu.apps.radiotherapy.model.planning.subjects import Patient, Subject
from tianfu.apps.radiotherapy.model.shapes import Shape
from tianfu.standards.dicom.grids import Volume


def rough_dose(patient: Patient) -> Volume[np.float32]:
    """Another number in every voxel, the same in each for any patient on this grid."""
    drawn = np.random.default_rng(1).random(patient.grid.shape, np.float32)
    return patient.whole(drawn.ravel()[patient.wanted.voxels])


def at_the_edge(subject: Subject) -> Subject:
    """The target moved until the dose's grid cuts it."""
    planes = subject.target.shape.planes
    far = subject.target.image.extent[0] - max(float(ring[:, 0].max()) for plane in planes for ring in plane.rings)
    moved = tuple(replace(plane, rings=tuple(ring + np.array([far, 0.0]) for ring in plane.rings)) for plane in planes)
    return replace(subject, target=replace(subject.target, shape=Shape(planes=moved)), body=np.ones_like(subject.body))


def of_few_planes(subject: Subject, count: int) -> Subject:
    shape = Shape(planes=subject.target.shape.planes[:count])
    return replace(subject, target=replace(subject.target, shape=shape))


@pytest.mark.parametrize(
    "subject",
    [
        small_subject(),
        of_few_planes(small_subject(), 1),
        of_few_planes(small_subject(), 3),
        at_the_edge(small_subject()),
    ],
    ids=["whole", "one plane", "three planes", "at the edge"],
)
def test_the_dose_about_the_target_gives_the_same_histogram_as_all_of_it(subject: Subject) -> None:
    near = subject.about_target
    found, expected = (subject.target.histogram(rough_dose(each)) for each in (near, subject))
    assert np.array_equal(found.edges_gy, expected.edges_gy)
    assert np.array_equal(found.volumes_cc, expected.volumes_cc)
    assert (found.mean_gy, found.outside_cc) == (expected.mean_gy, expected.outside_cc)
    assert len(near.wanted.voxels) < len(subject.wanted.voxels)
    assert set(near.wanted.voxels) <= set(subject.wanted.voxels)
