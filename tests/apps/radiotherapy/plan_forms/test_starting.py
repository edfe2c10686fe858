"""What is chosen before a form is filled in: a template, and where a case has several, images and structures."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.radiotherapy_plan import small_case
from tianfu.apps.radiotherapy.plan_forms.starting import Begun, begun
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.cases import Case

pytestmark = pytest.mark.anyio

TEMPLATE = "tg119-c-shape"
SECOND = "2.25.77"


def two_sets() -> Case:
    """The small case with a second set, in which the cord is not drawn."""
    (first,) = small_case().structure_sets
    second = replace(first, instance=SECOND, structures=first.structures[:2])
    return replace(small_case(), structure_sets=(first, second))


async def chosen(read: Case, **told: str) -> Begun:
    """What was chosen on a case that lies open."""

    async def read_once(_case: Any) -> Case:
        return read

    desk = cast("Any", SimpleNamespace(looking=SimpleNamespace(read=read_once)))
    return await begun(desk, cast("Any", None), told, None)


async def test_the_only_images_and_the_only_structures_need_no_choice() -> None:
    made = await chosen(small_case(), template=TEMPLATE)
    assert made.base is not None
    assert made.structure_set == small_case().structure_sets[0].instance
    assert len(made.structures) == len(small_case().structure_sets[0].structures)


@pytest.mark.parametrize("named", ["", "2.25.1", "<script>"])
async def test_of_two_structure_sets_none_is_taken_unless_it_is_named(named: str) -> None:
    made = await chosen(two_sets(), template=TEMPLATE, structure_set=named)
    assert (made.base, made.structure_set, made.structures) == (None, "", ())


async def test_the_structures_are_those_of_the_set_that_was_named() -> None:
    made = await chosen(two_sets(), template=TEMPLATE, structure_set=SECOND)
    assert made.base is not None
    assert made.structures == tuple(each.name for each in two_sets().structure_sets[1].structures)


@pytest.mark.parametrize("named", ["", "no-template", "../tg119-c-shape"])
async def test_no_template_is_taken_unless_it_is_named(named: str) -> None:
    made = await chosen(small_case(), template=named)
    assert (made.base, made.template) == (None, "")


async def test_a_case_without_structures_is_refused() -> None:
    with pytest.raises(Refusal, match="case-without-structures"):
        await chosen(replace(small_case(), structure_sets=()), template=TEMPLATE)
