"""Doses of plans that are held while somebody looks at them: read once, and no more of them than a bound allows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import pytest
from demo.radiotherapy.objects import Kind

from tests.radiotherapy_house import small_objects
from tianfu.apps.radiotherapy import open_doses
from tianfu.apps.radiotherapy.open_doses import OpenDoses
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.doses import read_dose, write_dose
from tianfu.standards.dicom.encoding import decode
from tianfu.standards.dicom.grids import Grid, Volume

pytestmark = pytest.mark.anyio

ONE_BYTES = 4 * 2**3
"""What the voxels of one of these doses take: float32, two along each axis."""


@dataclass
class Papers:
    """Documents in memory; each reading is written down."""

    contents: dict[str, bytes]
    read: list[str] = field(default_factory=list)

    async def size(self, name: str) -> int:
        return len(self.contents[name])

    async def content(self, name: str) -> bytes:
        self.read.append(name)
        return self.contents[name]


def dose_of(gy: float) -> bytes:
    """The same dose in eight voxels."""
    dose = read_dose(decode(small_objects().of(Kind.DOSE)[0], bytes_max=1 << 28), voxels_max=1 << 24).value
    grid = Grid(origin=np.zeros(3), axes=np.eye(3), spacing=np.full(3, 5.0), shape=(2, 2, 2))
    return write_dose(replace(dose, volume=Volume(grid=grid, values=np.full((2, 2, 2), gy, np.float32))))


@pytest.fixture
def papers() -> Papers:
    return Papers(contents={name: dose_of(gy) for name, gy in (("a", 1.0), ("b", 2.0), ("c", 3.0))})


def doses_over(papers: Papers) -> OpenDoses:
    return OpenDoses(cast("Any", papers))


async def test_a_dose_is_read_once_and_is_the_documents(papers: Papers) -> None:
    doses = doses_over(papers)
    first, again = await doses.opened("b"), await doses.opened("b")
    assert first is again
    assert papers.read == ["b"]
    np.testing.assert_allclose(first.volume.values, 2.0, rtol=1e-6)


async def test_what_nobody_looked_at_for_longest_goes_when_the_bound_is_reached(
    papers: Papers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_doses, "DOSES_BYTES_MAX", 2 * ONE_BYTES)
    doses = doses_over(papers)
    for name in ("a", "b", "a", "c", "a", "b"):
        await doses.opened(name)
    assert papers.read == ["a", "b", "c", "b"], "a was looked at again before c came, so that b went"


async def test_a_dose_that_fits_nowhere_is_shown_and_held_by_nobody(
    papers: Papers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_doses, "DOSES_BYTES_MAX", ONE_BYTES - 1)
    doses = doses_over(papers)
    for _ in range(2):
        await doses.opened("a")
    assert papers.read == ["a", "a"]


async def test_a_dose_too_large_for_a_page_is_not_even_read(papers: Papers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_doses, "SHOWN_DOSE_BYTES_MAX", 100)
    with pytest.raises(Refusal, match="dose-too-large-to-show"):
        await doses_over(papers).opened("a")
    assert papers.read == []
