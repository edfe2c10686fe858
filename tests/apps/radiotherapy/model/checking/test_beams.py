"""Faults of beams, each found by its rule and by no other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.apps.radiotherapy.model.checking.plants import (
    NO_RECORDS,
    Planted,
    beam,
    found,
    given,
    limits,
    named_machine,
    no_machine,
    planted,
    points,
    shifted,
    sound_checked,
    stands,
    with_images,
    with_plan,
)
from tianfu.standards.dicom.beams import SETUP

PICTURE = 9
ELSEWHERE = ("aperture-misses-target", "aperture-beside-target", "fields-beside-target", "dose-beside-fields")

NO_PICTURES = with_plan(lambda one: replace(one, beams=tuple(each for each in one.beams if each.delivery != SETUP)))
TWO_POSITIONS = with_plan(
    lambda one: replace(one, setups=(*one.setups, replace(one.setups[0], number=2, position="FFS")))
)
POSITION_UNSAID = with_images(lambda one: replace(one, position=""))
SAME_BEAM = with_plan(
    lambda one: replace(one, beams=(one.beams[0], replace(one.beams[0], number=2, name="copy"), *one.beams[2:]))
)
SAME_NAME = with_plan(
    lambda one: replace(one, beams=(one.beams[0], replace(one.beams[1], name=one.beams[0].name), *one.beams[2:]))
)
WIDE_TABLE = with_plan(lambda one: replace(one, tolerances=(replace(one.tolerances[0], gantry_degrees=10.0),)))

FAULTS = [
    planted("beam-energy-missing", stands(energy_mv=None)),
    planted("beam-energy-changes", stands(places=slice(7, 8), energy_mv=10.0), also=["beam-energies-differ"]),
    planted("beam-energies-differ", stands(energy_mv=10.0), NO_RECORDS),
    planted("beam-not-photons", beam(radiation="ELECTRON")),
    planted("isocentres-differ", shifted(2, by_mm=(0, 0, 1))),
    planted("isocentre-moves", shifted(1, by_mm=(0, 0, 1), places=slice(1, 2))),
    planted("isocentre-outside-body", shifted(by_mm=(0, -56, 0)), also=ELSEWHERE),
    planted("isocentre-far-from-target", shifted(by_mm=(0, 0, 75)), also=(*ELSEWHERE, "isocentre-outside-body")),
    planted("isocentre-not-round", shifted(by_mm=(0.03, 0, 0))),
    planted("angles-missing", stands(couch_degrees=None)),
    planted("angles-illegal", stands(collimator_degrees=365.0)),
    planted("collimator-beyond-machine", limits(collimator_degrees=(-2.0, 2.0))),
    planted("couch-beyond-machine", limits(couch_degrees=(5.0, 95.0))),
    planted("collision-likely", stands(4, couch_degrees=30.0), NO_RECORDS),
    planted("couch-tilted", stands(pitch_degrees=1.0)),
    planted("arc-direction-missing", stands(places=slice(7, 8), gantry_degrees=1.0)),
    planted("gantry-jumps", stands(places=slice(2, 4), gantry_degrees=0.9), also=["arc-direction-missing"]),
    planted("bolus-not-on-all-beams", beam(not_read=("boli",))),
    planted("beam-name-missing", beam(name=" ")),
    planted("beam-names-same", SAME_NAME),
    planted("beam-name-differs-from-gantry", beam(name="2 G90")),
    planted("beams-identical", SAME_BEAM, NO_RECORDS),
    planted("beam-unit-not-mu", beam(unit="MINUTE")),
    planted(
        "beam-mu-small",
        given(lambda one: replace(one, meterset=4.0), 1),
        no_machine,
        NO_RECORDS,
        also=["beam-mu-unlike-dose"],
    ),
    planted("beam-mu-beyond-machine", limits(beam_mu_most=70.0)),
    planted("beam-mu-finer-than-machine", limits(mu_step=0.7)),
    planted("dose-rate-missing", points(dose_rate=None)),
    planted("dose-rate-beyond-machine", limits(dose_rates=(400.0,))),
    planted("fluence-mode-unnamed", beam(fluence="NON_STANDARD"), also=["fluence-modes-differ"]),
    planted("fluence-modes-differ", beam(fluence="NON_STANDARD", fluence_id="FFF")),
    planted("machine-missing", beam(machine="")),
    planted("machines-differ", beam(machine="another")),
    planted("machine-not-the-chosen", named_machine("another")),
    planted("beam-axis-unusual", beam(axis_mm=1500.0), also=["beam-axes-differ"]),
    planted("beam-axes-differ", beam(axis_mm=1010.0)),
    planted("surface-distance-unusual", points(surface_mm=300.0), also=["surface-distance-differs-from-image"]),
    planted("setup-beams-missing", NO_PICTURES),
    planted("setup-beams-not-at-right-angles", stands(PICTURE, gantry_degrees=60.0), beam(PICTURE, name="picture")),
    planted("setup-beam-isocentre-differs", shifted(PICTURE, by_mm=(0, 0, 5))),
    planted("beam-setup-missing", beam(setup=None)),
    planted("setup-positions-differ", TWO_POSITIONS, POSITION_UNSAID),
    planted("tolerance-table-missing", beam(tolerance=None)),
    planted("tolerance-table-wide", WIDE_TABLE),
]


def test_a_setup_that_the_plan_has_not_is_as_good_as_none() -> None:
    assert found(beam(setup=7)(sound_checked())) == {"beam-setup-missing"}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.rule)
def test_a_fault_is_found_by_its_rule_alone(fault: Planted) -> None:
    assert found(fault.plant(sound_checked())) == {fault.rule} | fault.also


def test_an_angle_of_180_degrees_is_both_ends_of_a_full_circle() -> None:
    turned = planted("", stands(None, couch_degrees=180.0), limits(couch_degrees=(-180.0, 180.0)), NO_RECORDS)
    assert "couch-beyond-machine" not in found(turned.plant(sound_checked()))
