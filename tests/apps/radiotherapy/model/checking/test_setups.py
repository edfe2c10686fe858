"""Faults of table, skin and pictures, each found by its rule and by no other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.apps.radiotherapy.model.checking.plants import (
    NO_RECORDS,
    Planted,
    found,
    given,
    planted,
    points,
    sound_checked,
    stands,
)
from tianfu.apps.radiotherapy.model.checking.rules import Verdict
from tianfu.apps.radiotherapy.model.checking.verdicts import outcomes_of

PICTURE = 9
TABLE = {"table_vertical_mm": -120.0, "table_longitudinal_mm": 900.0, "table_lateral_mm": 0.0}
SKIN_MM = 950.0
"""From the source above to the phantom: an ellipse of half axes 60 and 50 mm about the isocentre."""


def of_picture(mu: float) -> Planted:
    return planted("setup-beam-units-many", given(lambda one: replace(one, meterset=mu), PICTURE))


FAULTS = [
    of_picture(50.0),
    planted(
        "table-positions-differ",
        stands(None, **TABLE),
        stands(2, **{**TABLE, "table_vertical_mm": -270.0}),
        NO_RECORDS,
    ),
    planted("table-turned-eccentrically", stands(eccentric_degrees=10.0)),
    planted("surface-distance-differs-from-image", points(surface_mm=1000.0)),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.rule)
def test_a_fault_is_found_by_its_rule_alone(fault: Planted) -> None:
    assert found(fault.plant(sound_checked())) == {fault.rule} | fault.also


def test_a_picture_of_few_units_and_a_table_that_stays_are_sound() -> None:
    assert found(of_picture(5.0).plant(sound_checked())) == set()
    assert found(planted("", stands(None, **TABLE), NO_RECORDS).plant(sound_checked())) == set()


def test_a_table_may_stand_elsewhere_where_the_couch_is_turned() -> None:
    turned = {**TABLE, "table_lateral_mm": 80.0, "couch_degrees": 5.0}
    checked = planted("", stands(None, **TABLE), stands(1, **turned), NO_RECORDS).plant(sound_checked())
    assert "table-positions-differ" not in found(checked)


def test_the_distance_to_the_drawn_outline_is_sound() -> None:
    assert found(points(surface_mm=SKIN_MM)(sound_checked())) == set()


def test_what_no_beam_says_is_not_taken_for_right() -> None:
    verdicts = {one.rule.id: one.verdict for one in outcomes_of(sound_checked())}
    assert verdicts["table-positions-differ"] is Verdict.NOT_JUDGED
    assert verdicts["surface-distance-differs-from-image"] is Verdict.NOT_JUDGED
