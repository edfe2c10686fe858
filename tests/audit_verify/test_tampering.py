"""Whatever the superuser does to the trail, the check names the first event concerned."""

from __future__ import annotations

import pytest

from tests.audit_verify.conftest import COLUMNS, Installation, Process

pytestmark = pytest.mark.anyio

ROUNDS = 3
EVENTS = 3 * ROUNDS

EDITS = {
    "at": "at + 1",
    "caller": "'somebody-else'",
    "practitioner": "'p9'",
    "organisation": "'elsewhere'",
    "session": "'another'",
    "role": "'officer'",
    "purpose": "'ETREAT'",
    "interaction": "'vread'",
    "rule": "'another-rule'",
    "outcome": "'not-found'",
    "type": "coalesce(type, 0) + 1",
    "rids": "array[1, 2]::bigint[]",
    "prids": "prids || 7::bigint",
    "query": "'_id=nobody'",
    "request": "'another'",
    "hash": "decode(repeat('ab', 32), 'hex')",
}
"""For each column what it is changed to."""


@pytest.fixture
async def process(installation: Installation) -> Process:
    """A process that has left nine events in lane 1."""
    process = await installation.process()
    await process.works(ROUNDS)
    return process


async def test_a_trail_that_nobody_touched_is_intact(installation: Installation, process: Process) -> None:
    await installation.root()
    for said in (installation.check_by_program(), installation.check()):
        assert (said.code, said.verdict, said.said["events"]) == (0, "intact", EVENTS)
        assert (said.tampered, said.unchecked, said.said["unacknowledged"]) == ([], [], 0)
    assert process.writer


@pytest.mark.parametrize("column", EDITS)
async def test_an_edited_column_names_its_event(installation: Installation, process: Process, column: str) -> None:
    await installation.root()
    installation.superuser(f"update audit set {column} = {EDITS[column]} where number = 5")  # noqa: S608 - of EDITS
    said = installation.check_by_program() if column == "hash" else installation.check()
    assert (said.code, said.tampered) == (1, [("event-changed", 1, 5)])
    assert said.said["tampered"][0]["writer"] == process.writer
    assert isinstance(said.said["tampered"][0]["at"], int)


def test_every_column_that_the_chain_covers_is_edited(addresses_on_each_engine: object) -> None:
    from tests.audit_verify.columns import columns_of_audit

    covered = set(columns_of_audit(addresses_on_each_engine)) - {"seq", "writer", "lane", "number"}
    assert covered == set(EDITS)


@pytest.mark.parametrize(("gone", "named"), [(1, ("events-missing", 1, 2)), (5, ("events-missing", 1, 6))])
async def test_a_deleted_event_names_the_next(
    installation: Installation, process: Process, gone: int, named: tuple[str, int, int]
) -> None:
    await installation.root()
    installation.superuser("delete from audit where number = %(gone)s", gone=gone)
    assert installation.check().tampered == [named]


@pytest.mark.usefixtures("process")
async def test_a_cut_tail_is_named_by_the_first_event_that_is_gone(installation: Installation) -> None:
    installation.superuser("delete from audit where number > 6")
    said = installation.check()
    assert (said.code, said.tampered) == (1, [("tail-missing", 1, 7)])


@pytest.mark.usefixtures("process")
async def test_a_root_alone_knows_of_a_cut_tail(installation: Installation) -> None:
    await installation.root()
    installation.superuser("delete from audit where number > 6")
    said = installation.check(heads=None)
    assert said.tampered == [("tail-missing", 1, 7)]
    assert said.unchecked == ["no-heads"]


@pytest.mark.usefixtures("process")
async def test_a_trail_deleted_as_a_whole_is_named_from_its_first_event(installation: Installation) -> None:
    installation.superuser("delete from audit")
    assert installation.check().tampered == [("tail-missing", 1, 1)]


@pytest.mark.usefixtures("process")
async def test_an_event_put_in_with_the_number_of_another_is_named(installation: Installation) -> None:
    copied = f"writer, lane, number, hash, {COLUMNS}"
    changed = copied.replace("caller", "'forged'", 1)
    installation.superuser(f"insert into audit ({copied}) select {changed} from audit where number = 4")  # noqa: S608 - of ours
    ((kind, lane, number),) = installation.check().tampered
    # Which of the two the database shows first is its own affair.
    assert (kind, lane, number) in {("event-inserted", 1, 4), ("event-changed", 1, 4)}


@pytest.mark.usefixtures("process")
async def test_events_that_change_places_are_named_at_the_first_place(installation: Installation) -> None:
    installation.superuser("update audit set number = 13 - number where number in (6, 7)")
    assert installation.check().tampered == [("event-changed", 1, 6)]


@pytest.mark.usefixtures("process")
async def test_events_moved_to_another_lane_are_named(installation: Installation) -> None:
    installation.superuser("update audit set lane = 2 where number > 5")
    assert installation.check().tampered == [("tail-missing", 1, 6), ("events-missing", 2, 6)]


@pytest.mark.usefixtures("process")
async def test_an_event_without_a_place_in_the_chain_is_named(installation: Installation) -> None:
    installation.superuser("update audit set number = null where number = 9")
    assert installation.check().tampered == [("tail-missing", 1, 9), ("events-outside-the-chain", None, None)]
