"""Whose session opens these pages, and what the tree says of below and above."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.apps.administration.conftest import CITY, HOSPITAL, PROVINCE, SIBLING, WARD, Person, World
from tests.desk import DESK
from tianfu.apps.administration.ports import SIGNED_IN, signed_in_of
from tianfu.kernel.ids import record_number
from tianfu.kernel.refusal import Refusal

pytestmark = pytest.mark.anyio


async def test_only_a_session_from_a_place_in_the_role_opens_a_page(keeper: Person) -> None:
    session = await keeper.signed_in()
    assert signed_in_of({SIGNED_IN: session}, "security") is session
    for state in ({}, {SIGNED_IN: None}, {SIGNED_IN: DESK}, {SIGNED_IN: replace(session, workplace=None)}):
        with pytest.raises(Refusal) as refusal:
            signed_in_of(state, "security")
        assert refusal.value.code == "not-found"
    with pytest.raises(Refusal) as refusal:
        signed_in_of({SIGNED_IN: session}, "administrator")
    assert refusal.value.code == "not-found"


async def test_a_session_that_only_sets_up_a_second_factor_opens_none(keeper: Person) -> None:
    session = replace(await keeper.signed_in(), needs_second_factor=True)
    with pytest.raises(Refusal) as refusal:
        signed_in_of({SIGNED_IN: session}, "security")
    assert refusal.value.code == "second-factor-missing"


async def test_the_tree_above_a_place_says_what_it_is_below_and_nothing_of_siblings(world: World) -> None:
    numbers = {each: record_number("Organization", each) for each in (PROVINCE, CITY, HOSPITAL, WARD, SIBLING)}
    above = await world.trees.above([WARD])
    assert above.below(numbers[CITY]) == {numbers[each] for each in (CITY, HOSPITAL, WARD)}
    assert numbers[SIBLING] not in above.below(numbers[PROVINCE])
    below = await world.trees.below(CITY)
    assert below.below(numbers[CITY]) == {numbers[each] for each in (CITY, HOSPITAL, WARD)}
    assert below.below(numbers[PROVINCE]) == {numbers[PROVINCE], numbers[CITY], numbers[HOSPITAL], numbers[WARD]}
