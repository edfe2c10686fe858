"""The events of the database, lane by lane, against their hashes and against what the outside says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from struct import Struct
from typing import Any, LiteralString

import psycopg
from cryptography.hazmat.primitives.hashes import SM3, Hash

from tianfu_audit_verify.evidence import NOTHING, Evidence, Lane, Signed, check_root, is_signed
from tianfu_audit_verify.findings import Finding, Report
from tianfu_audit_verify.sm2 import PublicKey, sm3

Connection = psycopg.Connection[tuple[Any, ...]]

_EVENTS: LiteralString = """
copy (select writer, lane, number, at, caller, practitioner, organisation, session, role, purpose, interaction, rule,
             outcome, type, rids, prids, query, request, hash
        from audit where number is not null order by writer, lane, number)
  to stdout (format binary)"""
_COPY_HEAD = b"PGCOPY\n\xff\r\n\0"
_FIELDS = 19
_PLACE = Struct("!hi16sihiqiq")
_HASH_BYTES = 32
_HASH_LENGTH = _HASH_BYTES.to_bytes(4)


def check_epochs(
    connection: Connection, evidence: Evidence, keys: Mapping[str, PublicKey], report: Report
) -> tuple[dict[bytes, bytes], int | None]:
    """The hash with which each writer's lanes begin, and when the first writer began; adds the signed ends of lanes."""
    begins: dict[bytes, bytes] = {}
    first_at: int | None = None
    expected, previous = 1, NOTHING
    rows = connection.execute(
        "select number, writer, at, record, key, signature, hash from audit_epoch order by number"
    )
    for number, writer, at, record, key, signature, digest in rows:
        first_at = at if first_at is None else min(at, first_at)
        if number != expected:
            report.tampered.append(Finding(kind="epoch-missing", detail=f"epoch {expected}"))
            previous = ""
        signed = Signed(record, key, bytes(signature))
        _check_epoch(number, writer.bytes, at, signed, bytes(digest), previous, evidence, keys, report)
        begins[writer.bytes] = sm3(record.encode())
        expected, previous = number + 1, signed.digest
    newest = max(evidence.epoch_hashes, default=0)
    if newest >= expected:
        report.tampered.append(Finding(kind="epoch-missing", detail=f"epochs {expected} to {newest}"))
    report.writers = len(begins)
    return begins, first_at


def _check_epoch(
    number: int,
    writer: bytes,
    at: int,
    signed: Signed,
    digest: bytes,
    previous: str,
    evidence: Evidence,
    keys: Mapping[str, PublicKey],
    report: Report,
) -> None:
    finding = Finding(kind="epoch-changed", writer=writer.hex(), at=at, detail=f"epoch {number}")
    good = is_signed(signed, keys)
    if good is None and keys:
        unknown = Finding(kind="unknown-key", writer=writer.hex(), detail=f"epoch {number}, key {signed.key}")
        report.unchecked.append(unknown)
    try:
        record = json.loads(signed.record)
        ends = [
            ((bytes.fromhex(each["writer"]), lane), last, bytes.fromhex(hashed))
            for each in record["ended"]
            for lane, last, hashed in each["lanes"]
        ]
        ended = {bytes.fromhex(each["writer"]) for each in record["ended"]}
        named = record["kind"], record["number"], record["writer"], record["at"]
        fits = named == ("tianfu-audit-epoch", number, writer.hex(), at) and previous in ("", record["previous"])
    except (ValueError, TypeError, KeyError):
        fits, ends, ended = False, [], set()
    told = evidence.epoch_hashes.get(number)
    if good is False or not fits or digest.hex() != signed.digest or told not in (None, signed.digest):
        report.tampered.append(finding)
        return
    evidence.ended |= ended
    for lane, last, hashed in ends:
        evidence.head(lane, last, hashed, f"epoch {number}", report)
        evidence.end(lane, last)


def check_database_roots(
    connection: Connection, evidence: Evidence, keys: Mapping[str, PublicKey], report: Report
) -> None:
    """The database's copies of roots against those outside; a root that is only here is checked here."""
    outside = dict(evidence.roots)
    missing = set(outside)
    only_here = 0
    rows = connection.execute("select series, number, record, key, signature from audit_root order by series, number")
    for series, number, record, key, signature in rows:
        place = series.hex, number
        root = Signed(record, key, bytes(signature))
        missing.discard(place)
        if place not in outside:
            only_here += 1
            check_root(*place, root, None, evidence, keys, report)
        elif root != outside[place]:
            report.tampered.append(
                Finding(kind="root-changed", detail=f"root {number} of series {series.hex}, database")
            )
    if missing:
        series, number = min(missing)
        detail = f"root {number} of series {series}, database"
        report.tampered.append(Finding(kind="root-missing", detail=detail))
    if only_here and outside:
        report.unchecked.append(Finding(kind="root-not-outside", detail=f"{only_here} roots"))


@dataclass(slots=True)
class _Walk:
    """Where the check stands in a lane; `last` is None once the lane has failed."""

    lane: Lane
    number: int = 0
    last: bytes | None = None
    at: int = 0
    failed: bool = False


def check_events(
    connection: Connection, begins: Mapping[bytes, bytes], evidence: Evidence, report: Report
) -> dict[Lane, Finding]:
    """Every lane from its first event to its end; of each lane that fails, the first event is named.

    Returns the lanes that differ from an intent: something was changed if the intent still stands afterwards.
    """
    unseen = set(evidence.hashes)
    doubts: dict[Lane, Finding] = {}
    walk: _Walk | None = None
    known: Mapping[int, bytes] = {}
    for row in _rows(connection):
        report.events += 1
        place = _place_of(row)
        if place is None:
            report.tampered.append(Finding(kind="event-changed", detail="a row without its place or hash"))
            continue
        writer, lane, number, at = place
        if walk is None or walk.lane != (writer, lane):
            if walk is not None:
                _end(walk, evidence, report)
            walk = _Walk((writer, lane))
            unseen.discard(walk.lane)
            known = evidence.hashes.get(walk.lane, {})
            report.lanes += 1
            _begin(walk, begins, number, at, report)
        if walk.failed:
            continue
        _step(walk, row, number, at, known, report)
        intent = evidence.intents.get(walk.lane)
        if intent is not None and intent[0] == number and intent[1] != walk.last and not walk.failed:
            doubts[walk.lane] = _contradiction(walk.lane, known, number)
    if walk is not None:
        _end(walk, evidence, report)
    for gone in sorted(unseen):
        report.tampered.append(Finding(kind="tail-missing", writer=gone[0].hex(), lane=gone[1], number=1))
    _note_writers_without_heads(begins, evidence, report)
    return doubts


def check_intents(doubts: Mapping[Lane, Finding], before: Evidence, after: Evidence, report: Report) -> None:
    """What was doubted, if the head files said the same before the database was read and after it."""
    failed = {(each.writer, each.lane) for each in report.tampered}
    for lane, finding in doubts.items():
        stands = before.intents[lane] == after.intents.get(lane)
        if stands and (finding.writer, finding.lane) not in failed:
            report.tampered.append(finding)


def _begin(walk: _Walk, begins: Mapping[bytes, bytes], number: int, at: int, report: Report) -> None:
    walk.last = begins.get(walk.lane[0])
    if walk.last is None:
        _fail(walk, report, "writer-unknown", number, at)


def _step(walk: _Walk, row: bytes, number: int, at: int, known: Mapping[int, bytes], report: Report) -> None:
    if number != walk.number + 1:
        _fail(walk, report, "event-inserted" if number <= walk.number else "events-missing", number, at)
        return
    digest = Hash(SM3())
    digest.update(walk.last or b"")
    digest.update(row[2 : -_HASH_BYTES - 4])
    hashed = digest.finalize()
    if hashed != row[-_HASH_BYTES:]:
        _fail(walk, report, "event-changed", number, at)
        return
    if number in known and known[number] != hashed:
        walk.failed = True
        report.tampered.append(_contradiction(walk.lane, known, number))
        return
    walk.number, walk.last, walk.at = number, hashed, at


def _end(walk: _Walk, evidence: Evidence, report: Report) -> None:
    if walk.failed:
        return
    acknowledged = max(evidence.hashes.get(walk.lane, {}), default=0)
    end = evidence.ends.get(walk.lane)
    if walk.number < acknowledged:
        _fail(walk, report, "tail-missing", walk.number + 1, None)
    elif walk.number > (end or 0) and (end is not None or walk.lane[0] in evidence.ended):
        _fail(walk, report, "event-behind-the-end", (end or 0) + 1, None)
    else:
        report.unacknowledged += walk.number - acknowledged


def _contradiction(lane: Lane, known: Mapping[int, bytes], number: int) -> Finding:
    since = max((each for each in known if each < number), default=0) + 1
    detail = f"up to number {number}"
    return Finding(kind="head-contradicts", writer=lane[0].hex(), lane=lane[1], number=since, detail=detail)


def _fail(walk: _Walk, report: Report, kind: Any, number: int, at: int | None, detail: str = "") -> None:
    walk.failed = True
    writer, lane = walk.lane
    found = Finding(kind=kind, writer=writer.hex(), lane=lane, number=number, at=at, detail=detail)
    report.tampered.append(found)


def _note_writers_without_heads(begins: Mapping[bytes, bytes], evidence: Evidence, report: Report) -> None:
    if any(each.kind == "no-heads" for each in report.unchecked):
        return
    for writer in sorted(begins):
        if writer not in evidence.writers and writer not in evidence.ended:
            report.unchecked.append(Finding(kind="no-heads-of-writer", writer=writer.hex()))


def check_unchained(connection: Connection, first_at: int | None, until: int | None, report: Report) -> None:
    """Rows that no chain holds: those from before the chain began are counted, later ones were put in."""
    limit = max(first_at or (1 << 63) - 1, until or 0)
    row = connection.execute(
        "select count(*) filter (where at < %(limit)s), count(*) filter (where at >= %(limit)s),"
        " min(at) filter (where at >= %(limit)s) from audit where number is null",
        {"limit": limit},
    ).fetchone()
    before, later, at = row or (0, 0, None)
    report.before_the_chain = before
    if later:
        report.tampered.append(Finding(kind="events-outside-the-chain", at=at, detail=f"{later} events"))


def _rows(connection: Connection) -> Iterator[bytes]:
    """The rows of a binary COPY, each as the server sends it: the number of fields, then the fields."""
    with connection.cursor().copy(_EVENTS) as copy:
        for chunk in copy:
            row = bytes(chunk)
            if row.startswith(_COPY_HEAD):
                row = row[len(_COPY_HEAD) + 8 :]
            if row and row != b"\xff\xff":
                yield row


def _place_of(row: bytes) -> tuple[bytes, int, int, int] | None:
    """Writer, lane, number and time of a row that has them and a hash, else None."""
    try:
        fields, a, writer, b, lane, c, number, d, at = _PLACE.unpack_from(row)
    except Exception:
        return None
    is_whole = (fields, a, b, c, d) == (_FIELDS, 16, 2, 8, 8) and row[-36:-32] == _HASH_LENGTH
    return (writer, lane, number, at) if is_whole else None
