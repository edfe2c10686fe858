"""What an operator is told of: exactly from the numbers of the rule on, once, and until it is over."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianfu.apps.newborn.model.alerts import CameraSign, Kind, LossSign, Raised, Signs, changed, p95, raised, rule
from tianfu.kernel.instants import SECOND, Instant

NOW = Instant(1_764_000_000 * SECOND)
WELL = Signs(media_heard_at=NOW, keeper_heard_at=NOW)
RULE = rule()

ages = st.integers(0, 300 * SECOND)
keys = st.tuples(st.sampled_from(Kind), st.sampled_from(["", "c1", "c2", "w1"]))


@st.composite
def signs(draw: st.DrawFn) -> Signs:
    cameras = st.builds(
        CameraSign,
        camera=st.sampled_from(["c1", "c2", "c3"]),
        ward=st.just("w1"),
        away_since=st.none() | ages.map(lambda age: Instant(NOW - age)),
    )
    losses = st.builds(LossSign, ward=st.sampled_from(["w1", "w2"]), rows=st.integers(0, 20), lost=st.floats(0, 1))
    return Signs(
        media_heard_at=Instant(NOW - draw(ages)),
        keeper_heard_at=Instant(NOW - draw(ages)),
        cameras=draw(st.lists(cameras, max_size=5)),
        joins=draw(st.lists(st.integers(1, 5_000), max_size=30)),
        losses=draw(st.lists(losses, max_size=2, unique_by=lambda each: each.ward)),
    )


def kinds(seen: Signs) -> set[Kind]:
    return {each.kind for each in raised(RULE, seen, now=NOW)}


def ago(seconds: float) -> Instant:
    return Instant(NOW - int(seconds * SECOND))


@pytest.mark.parametrize(
    ("at_the_limit", "beyond", "kind"),
    [
        (replace(WELL, media_heard_at=ago(10)), replace(WELL, media_heard_at=ago(10.1)), Kind.MEDIA_DOWN),
        (replace(WELL, keeper_heard_at=ago(10)), replace(WELL, keeper_heard_at=ago(10.1)), Kind.KEEPER_SILENT),
        (
            replace(WELL, cameras=[CameraSign(camera="c", ward="w", away_since=ago(60))]),
            replace(WELL, cameras=[CameraSign(camera="c", ward="w", away_since=ago(60.1))]),
            Kind.CAMERA_AWAY,
        ),
        (replace(WELL, joins=[1_000] * 20), replace(WELL, joins=[1_001] * 20), Kind.JOIN_SLOW),
        (replace(WELL, joins=[9_000] + [900] * 19), replace(WELL, joins=[9_000] * 2 + [900] * 18), Kind.JOIN_SLOW),
        (replace(WELL, joins=[9_000] * 19), replace(WELL, joins=[9_000] * 20), Kind.JOIN_SLOW),
        (
            replace(WELL, losses=[LossSign(ward="w", rows=6, lost=0.05)]),
            replace(WELL, losses=[LossSign(ward="w", rows=6, lost=0.051)]),
            Kind.LOSS_HIGH,
        ),
        (
            replace(WELL, losses=[LossSign(ward="w", rows=5, lost=0.5)]),
            replace(WELL, losses=[LossSign(ward="w", rows=6, lost=0.5)]),
            Kind.LOSS_HIGH,
        ),
    ],
)
def test_an_alert_begins_beyond_its_limit_and_not_at_it(at_the_limit: Signs, beyond: Signs, kind: Kind) -> None:
    assert kinds(at_the_limit) == set()
    assert kinds(beyond) == {kind}


def test_only_the_last_joins_count() -> None:
    assert kinds(replace(WELL, joins=[900] * 20 + [9_000] * 20)) == set()


@given(signs())
def test_two_looks_with_the_same_findings_begin_and_end_nothing(seen: Signs) -> None:
    found = raised(RULE, seen, now=NOW)
    change = changed({each.key for each in found}, found)
    assert change.begins == ()
    assert change.ends == frozenset()


@given(st.sets(keys.map(lambda key: (key[0].value, key[1]))), signs())
def test_what_stood_with_what_begins_and_without_what_ends_is_what_was_found(
    standing: set[tuple[str, str]], seen: Signs
) -> None:
    found = raised(RULE, seen, now=NOW)
    change = changed(standing, found)
    begun = {each.key for each in change.begins}
    assert begun.isdisjoint(standing)
    assert change.ends <= standing
    assert (standing | begun) - change.ends == {each.key for each in found}


@given(signs())
def test_one_look_finds_each_thing_once_and_none_of_the_future(seen: Signs) -> None:
    found: tuple[Raised, ...] = raised(RULE, seen, now=NOW)
    assert len({each.key for each in found}) == len(found)
    assert all(each.since <= NOW for each in found)


@given(signs(), st.integers(0, 60 * SECOND))
def test_silence_that_lasts_longer_ends_no_alert(seen: Signs, longer: int) -> None:
    later = Instant(NOW + longer)
    silences = {Kind.MEDIA_DOWN, Kind.KEEPER_SILENT, Kind.CAMERA_AWAY}
    before = {each.key for each in raised(RULE, seen, now=NOW) if each.kind in silences}
    assert before <= {each.key for each in raised(RULE, seen, now=later)}


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=200))
def test_at_least_95_of_100_are_at_or_below_their_p95(values: list[int]) -> None:
    limit = p95(values)
    assert limit in values
    assert 100 * sum(each <= limit for each in values) >= 95 * len(values)
    assert 100 * sum(each < limit for each in values) < 95 * len(values)
