"""What lies outside the database: heads, roots, epochs, keys; and what is left to say when some of it is missing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.audit_verify.conftest import COLUMNS, Installation, Process
from tianfu.db import Role
from tianfu.records.audit_event import AuditEvent, Deed
from tianfu.records.trail.links import link, sm3
from tianfu.records.trail.roots import merkle_root
from tianfu.vault import sm2
from tianfu_audit_verify import chain, command
from tianfu_audit_verify.evidence import Lane
from tianfu_audit_verify.findings import Finding

pytestmark = pytest.mark.anyio


@pytest.fixture
async def process(installation: Installation) -> Process:
    process = await installation.process()
    await process.works(3)
    return process


def event_of(row: Sequence[Any]) -> AuditEvent:
    """The event of a row of COLUMNS."""
    at, *deed = row[:11]
    return AuditEvent(at, Deed(*deed), *row[11:])


def rewrite_lane(installation: Installation, process: Process, *, since: int, caller: str) -> None:
    """Change an event and compute all later hashes anew, as a superuser can who reads the format's page."""
    rows = installation.superuser(f"select number, {COLUMNS} from audit where lane = 1 order by number")  # noqa: S608 - names of our own tables and columns
    (previous,) = (
        bytes(row[0])
        for row in installation.superuser("select hash from audit where number = %(n)s and lane = 1", n=since - 1)
    )
    for number, *values in rows[since - 1 :]:
        event = event_of(values)
        if number == since:
            event = event._replace(deed=event.deed._replace(caller=caller))
        previous = link(previous, process.trail.lanes.writer, 1, number, event)
        installation.superuser(
            "update audit set caller = %(caller)s, hash = %(hash)s where number = %(number)s and lane = 1",
            caller=event.deed.caller,
            hash=previous,
            number=number,
        )


async def test_a_lane_computed_anew_contradicts_its_heads(installation: Installation, process: Process) -> None:
    rewrite_lane(installation, process, since=5, caller="somebody-else")
    assert installation.check().tampered == [("head-contradicts", 1, 5)]


async def test_a_lane_computed_anew_contradicts_a_root(installation: Installation, process: Process) -> None:
    await installation.root()
    await process.works(1)
    await installation.root()
    rewrite_lane(installation, process, since=11, caller="somebody-else")
    # Roots alone know of the ninth and of the twelfth event.
    assert installation.check(heads=None).tampered == [("head-contradicts", 1, 10)]


@pytest.mark.usefixtures("process")
async def test_an_old_database_under_newer_heads_is_a_cut_tail_and_a_lost_beginning(
    installation: Installation, process: Process
) -> None:
    for table in ("audit", "audit_epoch", "audit_root"):
        installation.superuser(f"create table kept_{table} as select * from {table}")  # noqa: S608 - names of our own tables and columns
    await process.works(2)
    second = await installation.process()
    await second.works(1)
    for table in ("audit", "audit_epoch", "audit_root"):
        overriding = "overriding system value" if table == "audit" else ""
        installation.superuser(f"delete from {table}; insert into {table} {overriding} select * from kept_{table}")  # noqa: S608 - names of our own tables and columns
    said = installation.check()
    assert ("tail-missing", 1, 10) in said.tampered
    assert ("tail-missing", 1, 1) in said.tampered
    assert ("epoch-missing", None, None) in said.tampered


@pytest.mark.usefixtures("process")
async def test_without_a_process_s_head_file_only_part_can_be_checked(installation: Installation) -> None:
    (file,) = (installation.audit / "heads").glob("*.heads")
    file.unlink()
    said = installation.check()
    assert (said.code, said.verdict, said.tampered) == (3, "partly-checked", [])
    assert "no-heads-of-writer" in said.unchecked


@pytest.mark.usefixtures("process")
async def test_an_edited_head_file_contradicts_the_database(installation: Installation) -> None:
    (file,) = (installation.audit / "heads").glob("*.heads")
    lines = file.read_text("utf-8").rstrip("\0").splitlines(keepends=True)
    lane, number, digest = lines[-1].split(" ")[1:4]
    lines[-1] = lines[-1].replace(digest, "ab" * 32)
    file.write_text("".join(lines))
    assert installation.check().tampered == [("head-contradicts", int(lane), int(number))]


@pytest.mark.usefixtures("process")
async def test_a_changed_root_is_named(installation: Installation) -> None:
    await installation.root()
    (root,) = (installation.audit / "roots").glob("root-*.txt")
    root.write_text(root.read_text("utf-8").replace(" 9 ", " 8 "))
    said = installation.check()
    assert {kind for kind, _, _ in said.tampered} == {"root-changed"}
    assert "root 1" in said.said["tampered"][0]["detail"]


@pytest.mark.usefixtures("process")
async def test_a_root_forged_with_another_key_is_of_nobody_we_know(installation: Installation) -> None:
    await installation.root()
    (root,) = (installation.audit / "roots").glob("root-*.txt")
    record = json.loads(root.read_text("utf-8").splitlines()[0])
    record["leaves"] = [leaf.replace(" 9 ", " 8 ") for leaf in record["leaves"]]
    record["merkle"] = merkle_root(record["leaves"]).hex()
    key = sm2.make_key()
    name = sm3(sm2.public_key(key)).hex()[:16]
    text = json.dumps(record, separators=(",", ":"))
    root.write_text(f"{text}\n{name}\n{sm2.sign(key, text.encode()).hex()}\n")
    said = installation.check()
    assert said.code == 1
    assert "unknown-key" in said.unchecked
    assert {kind for kind, _, _ in said.tampered} == {"root-changed"}  # the database still has the true one


@pytest.mark.usefixtures("process")
async def test_a_root_under_the_right_name_with_a_wrong_signature_is_changed(installation: Installation) -> None:
    await installation.root()
    (root,) = (installation.audit / "roots").glob("root-*.txt")
    record, key, _ = root.read_text("utf-8").splitlines()
    root.write_text(f"{record}\n{key}\n{sm2.sign(sm2.make_key(), record.encode()).hex()}\n")
    assert ("root-changed", None, None) in installation.check().tampered


async def test_a_root_missing_in_the_middle_or_in_the_database_is_named(
    installation: Installation, process: Process
) -> None:
    for _ in range(3):
        await process.works(1)
        await installation.root()
    installation.superuser("delete from audit_root where number = 3")
    assert installation.check().tampered == [("root-missing", None, None)]
    (installation.audit / "roots" / f"root-{process.trail.signer.series.hex()}-{2:010d}.txt").unlink()
    said = installation.check()
    assert [each["detail"].split(" of ")[0] for each in said.said["tampered"]] == ["before root 3", "root 3"]


async def test_the_next_root_brings_back_what_the_database_lost(installation: Installation, process: Process) -> None:
    for _ in range(2):
        await process.works(1)
        await installation.root()
    installation.superuser("delete from audit_root")
    await process.works(1)
    assert await installation.root() == 3
    assert installation.check().verdict == "intact"


@pytest.mark.usefixtures("process")
async def test_without_keys_no_signature_is_checked_and_that_is_said(
    installation: Installation, tmp_path: Path
) -> None:
    await installation.root()
    (tmp_path / "empty").mkdir()
    said = installation.check(keys=str(tmp_path / "empty"))
    assert (said.code, said.unchecked) == (3, ["no-keys"])


async def test_a_forged_beginning_is_named(installation: Installation, process: Process) -> None:
    """Somebody makes up a process, with a chain that holds in itself, but without the home's key."""
    await installation.root()
    writer = bytes(range(16))
    ((number, digest),) = installation.superuser("select number, hash from audit_epoch order by number desc limit 1")
    record = json.dumps(
        {
            "kind": "tianfu-audit-epoch",
            "number": number + 1,
            "previous": bytes(digest).hex(),
            "writer": writer.hex(),
            "series": process.trail.signer.series.hex(),
            "at": 1,
            "ended": [],
        },
        separators=(",", ":"),
    )
    installation.superuser(
        "insert into audit_epoch values (%(number)s, %(writer)s::uuid, 1, %(record)s, %(key)s, %(sign)s, %(hash)s)",
        number=number + 1,
        writer=writer.hex(),
        record=record,
        key=process.trail.signer.name,
        sign=sm2.sign(sm2.make_key(), record.encode()),
        hash=sm3(record.encode()),
    )
    said = installation.check()
    assert said.tampered == [("epoch-changed", None, None)]
    assert said.said["tampered"][0]["writer"] == writer.hex()


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("update audit_epoch set at = at + 1 where number = 1", "epoch-changed"),
        (
            "update audit_epoch set record = replace(record, '\"ended\":[]', '\"ended\": []') where number = 1",
            "epoch-changed",
        ),
        ("delete from audit_epoch where number = 1", "epoch-missing"),
        ("delete from audit_epoch where number = 2", "epoch-missing"),
    ],
)
async def test_a_changed_or_deleted_beginning_is_named(
    installation: Installation, process: Process, statement: str, kind: str
) -> None:
    second = await installation.process()
    await second.works(1)
    await installation.root()
    installation.superuser(statement)
    said = installation.check()
    assert kind in [each for each, _, _ in said.tampered]
    assert process.writer != second.writer


# The ends of processes


async def test_the_next_process_closes_the_chains_of_the_one_that_ended(
    installation: Installation, process: Process
) -> None:
    await process.end()
    second = await installation.process()
    await second.works(1)
    assert installation.check(roots=None).unchecked == ["no-roots"]
    forged = installation.superuser(f"select {COLUMNS} from audit where number = 9")  # noqa: S608 - names of our own tables and columns
    event = event_of(forged[0])
    writer = process.trail.lanes.writer
    ((last,),) = installation.superuser("select hash from audit where number = 9")
    installation.superuser(
        f"insert into audit (writer, lane, number, hash, {COLUMNS})"  # noqa: S608 - names of our own tables and columns
        f" select writer, lane, 10, %(hash)s, {COLUMNS} from audit where number = 9",
        hash=link(bytes(last), writer, 1, 10, event),
    )
    assert installation.check().tampered == [("event-behind-the-end", 1, 10)]


@pytest.mark.parametrize("is_room_left", [False, True])
async def test_what_a_killed_process_had_committed_but_not_acknowledged_is_settled_by_the_next(
    installation: Installation, process: Process, *, is_room_left: bool
) -> None:
    (file,) = (installation.audit / "heads").glob("*.heads")
    lines, _, room = file.read_text("utf-8").rpartition("\n")
    lines, _, last = lines.rpartition("\n")
    assert set(room) == {"\0"}
    # As if the kill had come in the middle of the last line.
    file.write_text(f"{lines}\n{last[:40]}{room if is_room_left else ''}")
    assert installation.check().said["unacknowledged"] == 1
    await process.end()
    await installation.process()
    said = installation.check()
    assert (said.tampered, said.said["unacknowledged"]) == ([], 0)


async def test_a_tail_that_was_cut_while_nothing_ran_is_named_even_after_the_next_start(
    installation: Installation, process: Process
) -> None:
    await process.end()
    installation.superuser("delete from audit where number > 7")
    second = await installation.process()
    await second.works(1)
    await installation.root()
    assert ("tail-missing", 1, 8) in installation.check().tampered
    # The root has let the head file go; it vouches instead.
    assert not list((installation.audit / "heads").glob(f"{process.writer}*"))
    assert ("tail-missing", 1, 8) in installation.check().tampered


async def test_a_root_lets_the_files_of_ended_processes_go_and_vouches_for_them(
    installation: Installation, process: Process
) -> None:
    await process.end()
    second = await installation.process()
    await second.works(1)
    await installation.root()
    names = {path.name[:32] for path in (installation.audit / "heads").iterdir()}
    assert names == {second.writer}
    said = installation.check()
    assert (said.verdict, said.said["unacknowledged"]) == ("intact", 0)
    installation.superuser("delete from audit where number = 9")
    assert installation.check().tampered == [("tail-missing", 1, 9)]


async def test_events_of_a_process_that_still_runs_may_grow_while_others_check(
    installation: Installation, process: Process
) -> None:
    await installation.root()
    for _ in range(3):
        await process.works(1)
        assert installation.check().verdict == "intact"


async def test_a_process_whose_connections_still_live_is_left_open_for_the_next_start(
    installation: Installation, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tianfu.records.trail.epochs.GONE_SECONDS", 0.2)
    process.trail.close()  # its connections stay, as those of a killed process do for a moment
    await installation.process()
    asked = "select record from audit_epoch order by number desc limit 1"
    assert json.loads(installation.superuser(asked)[0][0])["ended"] == []
    await process.end()
    await installation.process()
    assert [each["writer"] for each in json.loads(installation.superuser(asked)[0][0])["ended"]] == [process.writer]


# A head that was on disk, of which a loss of power left no word whether it came true


@pytest.fixture
async def unconfirmed(installation: Installation, process: Process) -> Process:
    """The last of nine events was intended on disk; that it was committed did not reach the disk."""
    await process.end()
    (file,) = (installation.audit / "heads").glob("*.heads")
    *lines, intent, confirmed = file.read_text("utf-8").splitlines(keepends=True)
    assert (intent[:6], confirmed[:6]) == ("i 1 9 ", "h 1 9 ")
    file.write_text("".join([*lines, intent]))
    return process


@pytest.mark.usefixtures("unconfirmed")
async def test_an_unconfirmed_head_may_have_come_true_or_not(installation: Installation) -> None:
    said = installation.check()
    assert (said.tampered, said.said["unacknowledged"]) == ([], 1)
    installation.superuser("delete from audit where number = 9")
    assert installation.check().tampered == []
    await installation.process()
    assert installation.check().tampered == []


async def test_what_differs_from_an_unconfirmed_head_was_changed_also_after_the_next_start(
    installation: Installation, unconfirmed: Process
) -> None:
    rewrite_lane(installation, unconfirmed, since=9, caller="somebody-else")
    assert installation.check().tampered == [("head-contradicts", 1, 9)]
    second = await installation.process()
    await second.works(1)
    assert installation.check().tampered == [("head-contradicts", 1, 9)]


async def test_a_head_told_late_leaves_the_intent_of_a_later_one_open(
    installation: Installation, unconfirmed: Process
) -> None:
    """On a slow disk the next group's intent is written before the head of the group before it."""
    (file,) = (installation.audit / "heads").glob("*.heads")
    *_, eighth, _ = file.read_text("utf-8").splitlines(keepends=True)
    assert eighth.startswith("h 1 8 ")
    with file.open("a") as opened:
        opened.write(eighth)
    rewrite_lane(installation, unconfirmed, since=9, caller="somebody-else")
    assert installation.check().tampered == [("head-contradicts", 1, 9)]
    await installation.process()
    assert installation.check().tampered == [("head-contradicts", 1, 9)]


@pytest.mark.usefixtures("unconfirmed")
async def test_an_event_put_in_beside_an_unconfirmed_one_is_named_and_hinders_no_start(
    installation: Installation,
) -> None:
    installation.superuser(
        f"insert into audit (writer, lane, number, hash, {COLUMNS})"  # noqa: S608 - names of our own tables and columns
        f" select writer, lane, number, sha256(hash), {COLUMNS} from audit where number = 9"
    )
    await installation.process()
    assert [(lane, number) for _, lane, number in installation.check().tampered] == [(1, 9)]


@pytest.mark.parametrize("cut", range(1, 7))
async def test_a_line_that_was_cut_off_says_nothing_and_hinders_no_start(
    installation: Installation, unconfirmed: Process, cut: int
) -> None:
    (file,) = (installation.audit / "heads").glob("*.heads")
    with file.open("a") as opened:
        opened.write(f"w 1 8 {'ab' * 32} 1\n"[:cut])
    rewrite_lane(installation, unconfirmed, since=9, caller="somebody-else")
    for _ in range(2):  # the first ends the line
        await installation.process()
        assert installation.check().tampered == [("head-contradicts", 1, 9)]


@pytest.mark.parametrize(
    "later",
    ["w 1 8 {hash} 1\n", "h 1 9 {hash} 1\n", "tianfu-audit-heads 1 {writer} 2\n"],
    ids=["withdrawn", "confirmed", "a newer file"],
)
@pytest.mark.usefixtures("unconfirmed")
async def test_an_intent_that_goes_while_the_check_reads_proves_nothing(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, unconfirmed: Process, later: str
) -> None:
    """As if the commit had failed meanwhile, and other events had taken the numbers."""
    rewrite_lane(installation, unconfirmed, since=9, caller="somebody-else")
    (file,) = (installation.audit / "heads").glob("*.heads")
    told = later.format(hash="ab" * 32, writer=unconfirmed.writer)

    def check_events(*arguments: Any) -> dict[Lane, Finding]:
        newer = file if not told.startswith("tianfu") else file.with_name(f"{unconfirmed.writer}-000002.heads")
        with newer.open("a") as opened:
            opened.write(told)
        return chain.check_events(*arguments)

    monkeypatch.setattr(command, "check_events", check_events)
    audit = installation.audit
    address = installation.addresses.of(Role.READER)
    assert command.verify(address, heads=audit / "heads", roots=None, keys=audit / "keys").tampered == []
