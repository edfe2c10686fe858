"""Which camera shows which baby, and what ends that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianfu.apps.newborn.model.binding import SCANS_WITHIN, Binding, Code, Known, Scan, bound, broken_by, confirmed
from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal

NOW = Instant(1_000_000 * SECOND)
KNOWN = Known(
    baby_of_wristband={"W1": "twin-a", "W2": "twin-b"},
    bed_of_baby={"twin-a": "bed-1", "twin-b": "bed-2"},
    bed_of_camera={"camera-1": "bed-1", "camera-2": "bed-2", "cart": "bed-1"},
    died=frozenset(),
)


def scans(
    *, wristband: str = "W1", bed: str = "bed-1", camera: str = "camera-1", by: str = "nurse", at: Instant = NOW
) -> list[Scan]:
    return [
        Scan(code=code, value=value, by=by, at=at)
        for code, value in ((Code.WRISTBAND, wristband), (Code.BED, bed), (Code.CAMERA, camera))
    ]


def code_of(read: Sequence[Scan], *, known: Known = KNOWN, now: Instant = NOW) -> str:
    with pytest.raises(Refusal) as refused:
        bound(read, known, now=now)
    return refused.value.code


def test_three_scans_that_agree_with_the_records_bind() -> None:
    found = bound(scans(), KNOWN, now=NOW)
    assert (found.baby, found.bed, found.camera, found.is_confirmed) == ("twin-a", "bed-1", "camera-1", False)
    both = confirmed(found, by="second", now=NOW)
    assert both.is_confirmed
    assert broken_by(both, KNOWN) is None


@pytest.mark.parametrize(
    ("read", "code"),
    [
        (scans()[1:], "scan-missing"),
        (scans()[:2], "scan-missing"),
        ([], "scan-missing"),
        ([*scans(), *scans(wristband="W2")[:1]], "scan-twice"),
        ([*scans(), *scans(bed="bed-2")[1:2]], "scan-twice"),
        ([*scans()[:2], *scans(by="another")[2:]], "scans-of-several"),
        (scans(at=Instant(NOW - SCANS_WITHIN - 1)), "scans-too-old"),
        (scans(at=Instant(NOW + 1)), "scans-too-old"),
        (scans(wristband="W9"), "wristband-unknown"),
        (scans(wristband="W2"), "baby-in-another-bed"),
        (scans(bed="bed-2"), "baby-in-another-bed"),
        (scans(camera="camera-2"), "camera-at-another-bed"),
        (scans(camera="camera-9"), "camera-at-another-bed"),
    ],
)
def test_scans_that_do_not_agree_bind_nothing(read: list[Scan], code: str) -> None:
    assert code_of(read) == code


def test_the_first_scan_counts_for_the_two_minutes() -> None:
    read = [*scans(at=Instant(NOW - SCANS_WITHIN))[:1], *scans()[1:]]
    assert bound(read, KNOWN, now=NOW)
    assert code_of(read, now=Instant(NOW + 1)) == "scans-too-old"


@pytest.mark.parametrize(
    ("by", "late", "code"),
    [("nurse", 0, "same-person"), ("second", SCANS_WITHIN + 1, "scans-too-old"), ("second", -1, "scans-too-old")],
)
def test_a_second_person_confirms_in_time(by: str, late: int, code: str) -> None:
    found = bound(scans(), KNOWN, now=NOW)
    with pytest.raises(Refusal) as refused:
        confirmed(found, by=by, now=Instant(NOW + late))
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("known", "why"),
    [
        (replace(KNOWN, baby_of_wristband={"W1": "twin-b"}), "wristband-changed"),
        (replace(KNOWN, baby_of_wristband={}), "wristband-changed"),
        (replace(KNOWN, bed_of_baby={}), "discharged"),
        (replace(KNOWN, bed_of_baby={"twin-a": "bed-2"}), "bed-moved"),
        (replace(KNOWN, bed_of_camera={"camera-1": "bed-2"}), "camera-moved"),
        (replace(KNOWN, bed_of_camera={}), "camera-moved"),
        (replace(KNOWN, bed_of_baby={}, died=frozenset({"twin-a"})), "ask-the-ward"),
    ],
)
def test_what_ends_a_binding(known: Known, why: str) -> None:
    assert broken_by(confirmed(bound(scans(), KNOWN, now=NOW), by="second", now=NOW), known) == why


IDS = st.sampled_from(["1", "2", "3"])


@given(st.dictionaries(IDS, IDS), st.dictionaries(IDS, IDS), st.dictionaries(IDS, IDS), IDS, IDS, IDS)
def test_what_is_bound_shows_the_baby_of_the_records_and_no_other(
    wristbands: dict[str, str], beds: dict[str, str], cameras: dict[str, str], wristband: str, bed: str, camera: str
) -> None:
    known = Known(baby_of_wristband=wristbands, bed_of_baby=beds, bed_of_camera=cameras, died=frozenset())
    agrees = wristband in wristbands and beds.get(wristbands[wristband]) == bed == cameras.get(camera)
    try:
        found: Binding | None = bound(scans(wristband=wristband, bed=bed, camera=camera), known, now=NOW)
    except Refusal:
        found = None
    assert (found is not None) is agrees
    if found is not None:
        assert found.baby == wristbands[wristband]
        assert broken_by(found, known) is None
