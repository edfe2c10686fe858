"""A case of several series is read once for its form, and a plan reads no more of it than it is made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from demo.radiotherapy.objects import written

from tests.radiotherapy_house import House, house_of
from tests.radiotherapy_plan import small_case
from tests.radiotherapy_plan_works import Pad, bench_of, small_choice
from tianfu.apps.radiotherapy import plan_computing
from tianfu.apps.radiotherapy.looking import Looking
from tianfu.apps.radiotherapy.plan_asking import plan_wish
from tianfu.db import Database
from tianfu.kernel.refusal import Refusal
from tianfu.services.imaging import cases as imaging_cases
from tianfu.services.imaging.cases import KeptCase
from tianfu.standards.dicom.cases import Case
from tianfu.standards.dicom.findings import Reading

pytestmark = pytest.mark.anyio

OTHER_SERIES, OTHER_SET = "2.25.88", "2.25.77"


def two_series() -> Case:
    """The small case with the same images once more as another series, and another set of contours."""
    (images,), (drawn,) = small_case().images, small_case().structure_sets
    header = replace(images.header, series=replace(images.header.series, uid=OTHER_SERIES))
    names = tuple(f"2.25.88{number:03}" for number in range(len(images.instances)))
    other = replace(images, header=header, instances=names)
    return replace(small_case(), images=(images, other), structure_sets=(drawn, replace(drawn, instance=OTHER_SET)))


@pytest.fixture
async def house(database: Database, tmp_path: Path) -> House:
    return await house_of(database, tmp_path)


@pytest.fixture
async def case(house: House) -> KeptCase:
    files = written(two_series()).files.values()
    return await house.case_of([content for contents in files for content in contents])


@pytest.fixture
def read_counts(case: KeptCase, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many objects were read at once, each time that any were."""
    counts: list[int] = []
    real = imaging_cases.read_contents

    def counted(contents: Sequence[bytes]) -> Reading[Case]:
        counts.append(len(contents))
        return real(contents)

    monkeypatch.setattr(imaging_cases, "read_contents", counted)
    return counts


@pytest.mark.slow  # takes a case in
async def test_whoever_fills_the_form_in_has_the_case_read_once(
    house: House, case: KeptCase, read_counts: list[int]
) -> None:
    looking = Looking(house.cases, house.documents)
    for _ in range(3):
        assert len((await looking.read(case)).images) == 2
    opened = await looking.opened(case)
    with pytest.raises(Refusal, match="images-unclear"):
        opened.images(None)
    slices = len(small_case().images[0].instances)
    assert read_counts == [2 * slices + 2]


@pytest.mark.slow  # takes a case in
async def test_a_plan_reads_its_series_and_its_contours_once_and_nothing_else(
    house: House, case: KeptCase, read_counts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = (await house.cases.read(case)).value
    choice = replace(small_choice(), images=OTHER_SERIES, structure_set=OTHER_SET)
    wish = await plan_wish(house.documents, case, await house.cases.objects(case), read, choice)
    seen: list[Case] = []

    def asked(_asked: Any, case: Case, _machine: bytes, _table: bytes) -> Any:
        seen.append(case)
        raise Refusal("enough")

    monkeypatch.setattr(plan_computing, "_asked", asked)
    read_counts.clear()
    bench = replace(bench_of(cast("Any", None), cast("Any", house.cases)), documents=house.documents)
    with pytest.raises(Refusal, match="enough"):
        await plan_computing.plan_made(bench, Pad(arguments=wish.arguments))
    assert read_counts == [len(small_case().images[0].instances) + 1]
    (found,) = seen
    assert [one.header.series.uid for one in found.images] == [OTHER_SERIES]
    assert [one.instance for one in found.structure_sets] == [OTHER_SET]
