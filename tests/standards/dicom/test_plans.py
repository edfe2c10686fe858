from __future__ import annotations

from copy import deepcopy
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from tests.standards.dicom.made_objects import PYDICOMS, beam, decoded, plan
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.beams import Technique, segments, technique_of
from tianfu.standards.dicom.control_points import DIRECTIONS_OF_A_STAND, NUMBERS_OF_A_STAND, Opening, Stand
from tianfu.standards.dicom.encoding import Decoded
from tianfu.standards.dicom.plans import Plan, read_plan, write_plan

lengths = st.floats(-500, 500)
angles = st.floats(0, 359.9)


def written(value: Plan | None = None) -> Decoded:
    return decoded(write_plan(value or plan()))


def refusal_of(one: Decoded) -> str:
    with pytest.raises(Refusal) as refused:
        read_plan(one)
    return refused.value.code


def first_beam(one: Decoded) -> Dataset:
    beam_: Dataset = one.dataset.BeamSequence[0]
    return beam_


def test_a_plan_comes_back_with_everything() -> None:
    reading = read_plan(written())
    assert reading.value == plan()
    assert reading.findings == ()


def test_pydicoms_plan_is_read_and_written_again() -> None:
    value = read_plan(decoded((PYDICOMS / "rtplan.dcm").read_bytes())).value
    assert (value.label, value.beams[0].machine, value.beams[0].control_points[0].stand.energy_mv) == (
        "Plan1",
        "unit001",
        6,
    )
    assert read_plan(written(value)).value == value


@pytest.mark.slow  # a hundred files are written and read
@settings(deadline=None)
@given(
    weights=st.lists(st.floats(0.01, 1), min_size=1, max_size=5),
    gantry=st.lists(angles, min_size=6, max_size=6),
    leaves=st.lists(st.tuples(*[lengths] * 4), min_size=6, max_size=6),
    isocentre=st.tuples(*[lengths] * 3),
)
def test_any_control_points_come_back(
    weights: list[float],
    gantry: list[float],
    leaves: list[tuple[float, float, float, float]],
    isocentre: tuple[float, float, float],
) -> None:
    total, points = 0.0, []
    for place, weight in enumerate([0.0, *weights]):
        total += weight
        stand = replace(
            beam().control_points[0].stand,
            gantry_degrees=gantry[place],
            openings=(Opening(device="MLCX", positions_mm=leaves[place]),),
        )
        points.append(replace(beam().control_points[0], weight=total, stand=stand, isocentre_mm=isocentre))
    value = replace(plan(), beams=(replace(beam(), final_weight=total, control_points=tuple(points)),))
    for point, again in zip(points, read_plan(written(value)).value.beams[0].control_points, strict=True):
        assert again.weight == pytest.approx(point.weight, abs=1e-12)
        assert again.stand.gantry_degrees == pytest.approx(point.stand.gantry_degrees, abs=1e-9)
        assert again.stand.openings[0].positions_mm == pytest.approx(point.stand.openings[0].positions_mm, abs=1e-9)
        assert again.isocentre_mm == pytest.approx(isocentre, abs=1e-9)


def test_what_a_control_point_leaves_out_is_as_before() -> None:
    one = written()
    later = first_beam(one).ControlPointSequence[2]
    assert "GantryAngle" not in later
    assert [device.RTBeamLimitingDeviceType for device in later.BeamLimitingDevicePositionSequence] == ["MLCX"]
    assert read_plan(one).value.beams[0].control_points[2].stand.gantry_degrees == 180.5


def test_every_field_of_a_stand_is_read_and_written() -> None:
    assert {*NUMBERS_OF_A_STAND, *DIRECTIONS_OF_A_STAND, "openings"} == {field.name for field in fields(Stand)}


def test_monitor_units_are_divided_by_weight() -> None:
    """Weights 0, 0.4, 1 of 1 share 123.4 MU as 49.36 and 74.04."""
    shares = [segment.meterset for segment in segments(beam(), meterset=123.4)]
    assert shares == pytest.approx([49.36, 74.04])


@given(weights=st.lists(st.floats(0, 100), min_size=1, max_size=30), meterset=st.floats(0.1, 5000))
def test_segments_sum_to_the_meterset(weights: list[float], meterset: float) -> None:
    total, points = 0.0, []
    for weight in [0.0, *weights]:
        total += weight
        points.append(replace(beam().control_points[0], weight=total))
    if total < 1e-6:
        return
    one = replace(beam(), control_points=tuple(points), final_weight=total)
    assert sum(segment.meterset for segment in segments(one, meterset=meterset)) == pytest.approx(meterset)


def test_a_beam_without_weights_has_no_segments() -> None:
    points = tuple(replace(point, weight=None) for point in beam().control_points)
    with pytest.raises(Refusal, match="beam-without-weights"):
        segments(replace(beam(), control_points=points), meterset=100)


def arc(*, moving: bool) -> Plan:
    points = tuple(
        replace(point, stand=replace(point.stand, gantry_degrees=float(place)))
        for place, point in enumerate(beam(moving=moving).control_points)
    )
    return replace(plan(), beams=(replace(beam(moving=moving), control_points=points),))


def test_the_technique_is_told_by_what_moves_while_dose_is_given() -> None:
    steps = tuple(
        replace(point, weight=weight) for point, weight in zip(beam().control_points, (0.0, 0.0, 1.0), strict=True)
    )
    shot = replace(steps[2], stand=steps[1].stand)
    assert technique_of(beam(moving=False)) is Technique.STATIC
    assert technique_of(beam()) is Technique.DYNAMIC
    assert technique_of(replace(beam(), control_points=(steps[0], steps[1], shot))) is Technique.STEP_AND_SHOOT
    assert technique_of(arc(moving=False).beams[0]) is Technique.ARC
    assert technique_of(arc(moving=True).beams[0]) is Technique.MODULATED_ARC


def test_weights_that_fall_are_refused() -> None:
    one = written()
    first_beam(one).ControlPointSequence[1].CumulativeMetersetWeight = 1.5
    assert refusal_of(one) == "beam-weights-decrease"


def test_missing_control_points_are_refused() -> None:
    one = written()
    del first_beam(one).ControlPointSequence[2]
    assert refusal_of(one) == "beam-control-points-missing"


def test_control_points_out_of_order_are_refused() -> None:
    one = written()
    points = first_beam(one).ControlPointSequence
    points[0], points[1] = points[1], points[0]
    assert refusal_of(one) == "beam-control-points-missing"


def test_one_leaf_too_few_is_refused() -> None:
    one = written()
    devices = first_beam(one).ControlPointSequence[0].BeamLimitingDevicePositionSequence
    devices[1].LeafJawPositions = [-5, 5]
    assert refusal_of(one) == "beam-leaves-differ"


def test_leaves_that_cross_are_told() -> None:
    one = written()
    first_beam(one).ControlPointSequence[1].BeamLimitingDevicePositionSequence[0].LeafJawPositions = [6, -2, 5, 6.5]
    assert "beam-leaves-cross" in read_plan(one).codes()


def test_a_final_weight_that_differs_is_told() -> None:
    one = written()
    first_beam(one).FinalCumulativeMetersetWeight = 100
    assert "beam-final-weight-differs" in read_plan(one).codes()


def test_a_wedge_is_told_and_never_lost_by_writing() -> None:
    one = written()
    first_beam(one).NumberOfWedges = 1
    reading = read_plan(one)
    assert "beam-not-whole" in reading.codes()
    with pytest.raises(Refusal, match="beam-not-whole"):
        write_plan(reading.value)


def test_two_beams_of_one_number_are_refused() -> None:
    assert refusal_of(written(replace(plan(), beams=(beam(), beam())))) == "plan-same-beam-number"


def test_a_beam_that_a_fraction_has_twice_is_refused() -> None:
    one = written()
    given = one.dataset.FractionGroupSequence[0].ReferencedBeamSequence
    given.append(deepcopy(given[0]))
    assert refusal_of(one) == "plan-same-number"


def test_a_fraction_that_names_no_beam_is_told() -> None:
    assert read_plan(written(replace(plan(), beams=(beam(2),)))).codes() == {
        "plan-beam-unknown",
        "plan-beam-in-no-fraction",
    }


def test_a_plan_without_structures_has_the_geometry_of_its_machine() -> None:
    one = written(replace(plan(), structure_set=None))
    assert one.dataset.RTPlanGeometry == "TREATMENT_DEVICE"
    assert read_plan(one).codes() == {"plan-without-structures"}


def test_brachytherapy_is_refused() -> None:
    one = written()
    one.dataset.ApplicationSetupSequence = [Dataset()]
    assert refusal_of(one) == "plan-brachytherapy"
