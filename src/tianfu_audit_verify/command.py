"""`tianfu-audit-verify`: check a trail and say what was found."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import psycopg

from tianfu_audit_verify.chain import check_database_roots, check_epochs, check_events, check_intents, check_unchained
from tianfu_audit_verify.evidence import Evidence, read_heads, read_keys, read_roots
from tianfu_audit_verify.findings import Report

ADDRESS = "TIANFU_AUDIT_DATABASE_URL"
EXIT_INTACT, EXIT_TAMPERED, EXIT_NOT_RUN, EXIT_PARTLY = 0, 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    asked = _parser().parse_args(arguments)
    address = os.environ.get(ADDRESS)
    if not address:
        print(f"{ADDRESS} must hold the connection string of a role that may read the trail", file=sys.stderr)
        return EXIT_NOT_RUN
    try:
        report = verify(
            address, heads=asked.heads, roots=asked.roots, keys=asked.keys, unchained_until=asked.unchained_until
        )
    except (psycopg.Error, OSError) as error:
        print(f"the check could not be finished: {error}", file=sys.stderr)
        return EXIT_NOT_RUN
    print(json.dumps(report.as_json(), indent=2) if asked.json else "\n".join(report.lines()))
    return {"intact": EXIT_INTACT, "tampered": EXIT_TAMPERED, "partly-checked": EXIT_PARTLY}[report.verdict]


def verify(
    address: str,
    *,
    heads: Path | None,
    roots: str | None,
    keys: Path | None,
    unchained_until: int | None = None,
) -> Report:
    """Check a trail.  What lies outside is read first: whatever it tells, the database must know by then."""
    started = time.monotonic()
    report = Report()
    evidence = Evidence()
    known = read_keys(keys, report)
    read_heads(heads, evidence, report)
    read_roots(roots, evidence, known, report)
    with psycopg.connect(address, connect_timeout=10) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        begins, first_at = check_epochs(connection, evidence, known, report)
        check_database_roots(connection, evidence, known, report)
        doubts = check_events(connection, begins, evidence, report)
        check_unchained(connection, first_at, unchained_until, report)
    if doubts:
        afterwards = Evidence()
        read_heads(heads, afterwards, Report())
        check_intents(doubts, evidence, afterwards, report)
    report.seconds = round(time.monotonic() - started, 3)
    return report


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tianfu-audit-verify",
        description="Check Tianfu's audit trail against its hashes, head files and signed roots.",
        epilog="exit codes: 0 intact, 1 tampered, 2 could not be checked, 3 nothing found but only part was checked",
    )
    parser.add_argument("--heads", type=Path, help="folder of the head files")
    parser.add_argument("--roots", help="folder of the roots, or s3://bucket/prefix")
    parser.add_argument("--keys", type=Path, help="folder of the public keys to trust")
    parser.add_argument(
        "--unchained-until",
        type=_microseconds,
        metavar="INSTANT",
        help="when the last program from before the chain was stopped; its events have no place in a chain",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _microseconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("an instant with its zone")
    return round(moment.timestamp() * 1_000_000)


def run() -> None:
    """The console script."""
    sys.exit(main())
