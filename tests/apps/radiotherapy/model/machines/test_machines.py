"""Machines as bytes, and what no machine can be."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from demo.radiotherapy.machines import made_beam
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tianfu.apps.radiotherapy.model.machines.generic import generic_linac
from tianfu.apps.radiotherapy.model.machines.kernels_mat import read_pencil_beam
from tianfu.apps.radiotherapy.model.machines.machines import Commissioning, Figure, Machine, Measurement
from tianfu.apps.radiotherapy.model.machines.reading import read_machine, refuse_unless_machine
from tianfu.apps.radiotherapy.model.machines.water import depth_dose
from tianfu.apps.radiotherapy.model.machines.writing import fingerprint_of, write_machine
from tianfu.kernel.instants import EARLIEST, LATEST, Instant
from tianfu.kernel.refusal import Refusal

GENERIC = Path(__file__).parents[6] / "shared/data/radiotherapy/photons_Generic.mat"
WORDS = st.text('aé中😀"\\\n\x00\u2028 ', max_size=8)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@cache
def machine() -> Machine:
    return generic_linac(made_beam(spacing_mm=10.0))


@cache
def written() -> bytes:
    return write_machine(machine())


def refusal_of(data: bytes) -> Refusal:
    with pytest.raises(Refusal) as refused:
        read_machine(data)
    return refused.value


def content() -> Any:
    return json.loads(written())


def as_bytes(changed: Any) -> bytes:
    return (json.dumps(changed, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n").encode()


def same(one: Any, other: Any) -> bool:
    """Equal in every field, tables bit by bit."""
    if isinstance(one, np.ndarray):
        return one.tobytes() == other.tobytes() and one.shape == other.shape
    if is_dataclass(one):
        return all(same(getattr(one, each.name), getattr(other, each.name)) for each in fields(one))
    return bool(one == other)


SHOWN = st.text('aé中😀"\\ ', max_size=8)
"""Of what was measured: what people read before they sign shows every sign that it has."""

MEASUREMENTS = st.builds(
    Measurement,
    kind=st.sampled_from(["output", "profile"]),
    what=SHOWN,
    set_up=st.dictionaries(SHOWN, NUMBERS, max_size=2),
    unit=SHOWN,
    modelled=NUMBERS,
    modelled_by=st.sampled_from(["computed", "said"]),
    measured=NUMBERS,
    tolerance=NUMBERS.map(abs),
    mark=st.sampled_from(["measured", "memory"]),
)
COMMISSIONINGS = st.none() | st.builds(
    Commissioning,
    by=SHOWN,
    at=st.integers(EARLIEST, LATEST),
    measurements=st.lists(MEASUREMENTS, max_size=3).map(tuple),
)


@settings(max_examples=30, deadline=None)
@given(
    words=WORDS,
    version=st.integers(1, 2**40),
    notice=st.dictionaries(WORDS, WORDS, max_size=3),
    commissioning=COMMISSIONINGS,
    kernels=arrays.arrays(np.float64, (1, 3, 4), elements=st.floats(-1e-12, 1e-12)),
    gap=st.floats(0.0, 10.0),
)
def test_every_machine_comes_back_from_its_bytes_and_has_one_form(
    words: str,
    version: int,
    notice: dict[str, str],
    commissioning: Commissioning | None,
    kernels: np.ndarray,
    gap: float,
) -> None:
    first = machine()
    beam = replace(first.beam, kernels=first.beam.kernels.copy())
    beam.kernels[:1, :, -4:] += kernels
    drawn = replace(
        first,
        model=words,
        version=version,
        notice=notice,
        beam=beam,
        commissioning=commissioning,
        leaves=replace(first.leaves, gap_mm=gap),
        figures=(Figure(element=words, mark="ours", source=words),),
    )
    data = write_machine(drawn)
    read = read_machine(data)
    assert same(read, drawn)
    assert write_machine(read) == data
    assert (fingerprint_of(drawn) == fingerprint_of(first)) == same(drawn, first)


@settings(max_examples=100, deadline=None)
@given(at=st.integers(0, len(written()) - 1), by=st.integers(1, 255))
def test_a_changed_byte_is_another_machine_or_refused(at: int, by: int) -> None:
    data = bytearray(written())
    data[at] ^= by
    try:
        assert fingerprint_of(read_machine(bytes(data))) != fingerprint_of(machine())
    except Refusal as refusal:
        assert refusal.code.startswith(("machine-", "beam-", "calibration-", "surface-"))  # noqa: PT017 - an answer


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=100))
def test_whatever_else_is_refused(data: bytes) -> None:
    assert refusal_of(data).code == "machine-not-understood"


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"schema":1,"machine":' + b'{"a":' * 100_000, b"null"])
def test_nesting_without_end_is_refused(data: bytes) -> None:
    assert refusal_of(data).code == "machine-not-understood"


def test_half_a_character_is_refused() -> None:
    data = written().replace(b'"generic-6mv"', b'"\\ud800"')
    assert data != written()
    assert refusal_of(data).code.startswith("machine-")


def test_a_machine_of_a_later_schema_is_not_guessed_at() -> None:
    assert refusal_of(as_bytes({**content(), "schema": 2})).code == "machine-of-another-schema"


def test_the_same_machine_in_another_form_is_refused() -> None:
    loose = json.dumps(content(), ensure_ascii=False).encode()
    surplus = content()
    surplus["machine"]["colour"] = "blue"
    assert {refusal_of(data).code for data in (loose, as_bytes(surplus))} == {"machine-of-another-form"}


@pytest.mark.parametrize("table", [{"float64": "AAAA", "shape": [1]}, {"float64": "", "shape": [-1]}, "words", None])
def test_a_table_that_is_none_is_refused(table: object) -> None:
    broken = content()
    broken["machine"]["beam"]["kernels"] = table
    assert refusal_of(as_bytes(broken)).code == "machine-not-understood"


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("leaves", "boundaries_mm", (0.0, 5.0, 5.0)),
        ("leaves", "boundaries_mm", (0.0,)),
        ("leaves", "least_mm", 200.0),
        ("leaves", "gap_mm", -0.1),
        ("leaves", "reach_mm", 0.0),
        ("leaves", "step_mm", 0.0),
        ("leaves", "speed_mm_per_s", 0.0),
        ("leaves", "rounded_end_mm", -1.0),
        ("leaves", "transmission", 1.0),
        ("limits", "beam_mu_most", 0.0),
        ("limits", "segment_mu_least", -1.0),
        ("limits", "segment_mu_least", 1000.0),
        ("limits", "mu_step", 0.0),
        ("limits", "segments_most", 0),
        ("limits", "dose_rates", ()),
        ("limits", "dose_rates", (600.0, 0.0)),
        ("limits", "gantry_degrees_per_s", 0.0),
        ("limits", "couch_degrees", (90.0, -90.0)),
        ("limits", "beam_mu_most", float("inf")),
        ("calibration", "output_gy_per_mu", 0.0),
        ("calibration", "field_mm", 1e9),
    ],
)
def test_figures_that_cannot_be_true_are_refused(part: str, name: str, value: object) -> None:
    changed = replace(machine(), **{part: replace(getattr(machine(), part), **{name: value})})
    with pytest.raises(Refusal) as refused:
        refuse_unless_machine(changed)
    assert refused.value.code == "machine-out-of-range"
    assert refused.value.details["element"].endswith(f"{part}.{name}")


@pytest.mark.parametrize("name", ["m" * 17, "left\\right", "直线加速器" * 4])
def test_a_name_that_no_plan_can_say_is_refused_with_the_machine(name: str) -> None:
    """Treatment Machine Name (300A,00B2) is a Short String: 16 characters, no backslash (PS3.5 6.2)."""
    with pytest.raises(Refusal, match="machine-name-not-for-dicom"):
        refuse_unless_machine(replace(machine(), name=name))
    refuse_unless_machine(replace(machine(), name="m" * 16))


def test_jaws_that_stand_twice_or_nowhere_are_refused() -> None:
    across, _ = machine().jaws
    for jaws in ((across, across), (replace(across, moves_along="z"),), (replace(across, least_mm=300.0),)):
        with pytest.raises(Refusal) as refused:
            refuse_unless_machine(replace(machine(), jaws=jaws))
        assert refused.value.code == "machine-out-of-range"


def test_a_factor_that_belongs_to_another_beam_is_refused() -> None:
    wrong = replace(machine().calibration, gy_per_mu=machine().calibration.gy_per_mu * 1.002)
    with pytest.raises(Refusal) as refused:
        refuse_unless_machine(replace(machine(), calibration=wrong))
    assert refused.value.code == "calibration-of-another-beam"


def test_the_generic_machine_says_how_each_of_its_figures_is_known() -> None:
    known = {figure.element for figure in machine().figures}
    assert known >= {"beam", "jaws.x", "jaws.y"}
    for part in ("leaves", "limits", "calibration"):
        assert known >= {f"{part}.{each.name}" for each in fields(getattr(machine(), part))}
    assert all(figure.source for figure in machine().figures)


def test_the_generic_machine_has_sixty_pairs_and_is_for_demonstrations_alone() -> None:
    assert machine().leaves.pairs == 60
    widths = np.diff(machine().leaves.boundaries_mm)
    assert (np.count_nonzero(widths == 5), np.count_nonzero(widths == 10)) == (40, 20)
    assert (machine().purpose, machine().commissioning) == ("demonstration", None)
    assert set(machine().notice) == {"en", "zh-CN"}
    assert machine().notice["en"].startswith("Not for clinical use.")


@pytest.mark.skipif(not GENERIC.exists(), reason="the shared data folder is not there")
def test_a_monitor_unit_of_the_generic_machine_gives_a_hundredth_of_a_gray_at_the_maximum() -> None:
    made = generic_linac(read_pencil_beam(GENERIC.read_bytes()))
    depths = np.arange(1.0, 30.0)
    doses = depth_dose(made.beam, field_mm=100.0, depths_mm=depths, surface_mm=1000.0) * made.calibration.gy_per_mu
    assert doses[14] == pytest.approx(0.01, rel=1e-9)
    assert doses.max() == pytest.approx(0.01, rel=0.005)
    assert read_machine(write_machine(made)).calibration == made.calibration


@pytest.mark.parametrize(
    "change",
    [
        {"what": "output\x1b[2J"},
        {"unit": "\u202e%"},
        {"set_up": {"depth\n": 1.0}},
        {"set_up": {"depth_mm": float("nan")}},
        {"tolerance": -1.0},
    ],
)
def test_what_was_measured_shows_every_sign_that_it_has_and_can_be_true(change: dict[str, object]) -> None:
    told = Measurement(
        kind="output",
        what="output",
        set_up={},
        unit="%",
        modelled=1.0,
        modelled_by="said",
        measured=1.0,
        tolerance=1.0,
        mark="measured",
    )
    commissioning = Commissioning(by="Lin", at=Instant(0), measurements=(replace(told, **change),))  # type: ignore[arg-type]  # each change is of its own type
    with pytest.raises(Refusal, match="machine-out-of-range"):
        refuse_unless_machine(replace(machine(), commissioning=commissioning))
