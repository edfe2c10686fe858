"""Writes what was measured to docs/performance.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.places import ROOT

PAGE = ROOT / "docs" / "performance.md"

PROMISES: dict[str, tuple[str, str, str]] = {
    "import_vs_copy": ("≥ 0.10", "0.20", "import of NDJSON over plain COPY of the same lines into one jsonb column"),
    "transaction_resources_per_second": ("≥ 3,000", "6,000", "bundles posted over HTTP by 4 clients, durable, traced"),
    "crud_requests_per_second": ("≥ 1,500", "2,500", "create, read, update, delete over 16 connections, traced"),
    "read_requests_per_second": ("≥ 4,500", "7,000", "read by id over 32 connections, with an auditor that is off"),
    "timeline_ms_p95": ("≤ 15", "5", "newest 20 Observations of a random person over HTTP, traced"),
    "bytes_per_resource": ("≤ 1,300", "900", "tables, indexes, history, feed; without the trace"),
    "validated_per_second": ("≥ 30,000", "60,000", "Observations, one core"),
}
YARDSTICKS: dict[str, str] = {
    "import_resources_per_second": "import, resources per second",
    "copy_lines_per_second": "plain COPY, lines per second",
    "trivial_handler_requests_per_second": "the same server with a handler that does nothing",
    "traced_read_requests_per_second": "read by id with its trace on disk before the answer",
    "timeline_ms_p50": "newest 20 Observations, median",
}
TRUST: dict[str, tuple[str, str]] = {
    "audit_events_per_second": ("≥ 5,000", "events of reads: chained, committed, their heads on disk outside"),
    "audited_reads_per_second": ("≥ 2,500", "read by id over 128 connections by a doctor: decided in SQL, traced"),
    "read_slowdown": ("≤ 1.8", "times slower than the same read with everything open and no trace"),
    "decision_us_p99": ("≤ 500", "one whole decision in Python, microseconds"),
    "sm4_fields_per_second": ("≥ 120,000", "fields sealed by as many processes as there are cores"),
    "side_channel_leaks": ("0", "questions that tell a store with hidden records from one without"),
}
TRUST_BESIDE: dict[str, str] = {
    "core_reads_per_second": "the record core's read in the same minute",
    "read_slowdown_few_connections": "the same slowdown over 32 connections, where waits for the disk show",
    "audited_reads_few_connections": "audited reads over 32 connections",
    "read_slowdown_many_connections": "the same slowdown over 256 connections, where many share what a group costs",
    "audited_reads_many_connections": "audited reads over 256 connections",
    "decision_us_p50": "one decision, median, microseconds",
    "labels_us": "level and labels of one Encounter, microseconds",
    "relations_us": "relations of one Encounter, microseconds",
    "sm4_fields_per_second_per_process": "fields sealed by one process",
    "sm4_fields_opened_per_second_per_process": "fields opened by one process",
    "aes_fields_per_second_per_process": "fields sealed by one process with AES",
    "audit_verified_per_second": "events checked by the verifier",
    "side_channel_questions": "questions put to both stores",
}
SIGN_IN: dict[str, tuple[str, str]] = {
    "logins_per_second": (
        "≥ 20",
        "password, authenticator, session; argon2 at OWASP's first cost, traced",
    ),
    "token_checks_per_second": ("≥ 5,000", "access tokens looked at and decided on, one in fifty never seen before"),
}
SIGN_IN_BESIDE: dict[str, str] = {
    "known_token_checks_per_second": "the same of tokens that were seen before",
    "new_token_checks_per_second": "the same of tokens that were never seen: signature and database",
    "password_hashes_per_second": "argon2 alone on all processors, at our cost",
    "password_hashes_rfc_9106_per_second": "argon2 alone on all processors, at RFC 9106's second cost",
}
METHOD = """\
The load generator runs on the same machine and takes its share of the cores.
Each figure is the median of the runs beside it.
`python -m bench prepare` builds the store by importing the 60 Synthea bundles under as many sources as make its size.
Imports, transactions and single writes go to a fresh database on the same server; reads go to the prepared store.
Writes are on disk before they are answered; the database runs with the settings of every installation.
"""


def write_report(core: dict[str, Any], trust: dict[str, Any], sign_in: dict[str, Any]) -> None:
    """Write the page."""
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(f"{page(core)}\n{trust_page(trust)}\n{sign_in_page(sign_in)}", encoding="utf-8")


def trust_page(result: dict[str, Any]) -> str:
    """What trust costs, as Markdown."""
    return _beside("Trust", "trust", result, TRUST, TRUST_BESIDE)


def sign_in_page(result: dict[str, Any]) -> str:
    """How fast signing in is, as Markdown."""
    return _beside("Sign-in", "sign_in", result, SIGN_IN, SIGN_IN_BESIDE)


def _beside(
    title: str, command: str, result: dict[str, Any], must_be: dict[str, tuple[str, str]], others: dict[str, str]
) -> str:
    """The section of a benchmark that has a command of its own."""
    promises = [(f"`{k}`", _n(result[k]), must, _runs(result, k), what) for k, (must, what) in must_be.items()]
    beside = [(f"`{k}`", _n(result[k]), _runs(result, k), what) for k, what in others.items()]
    parts = [
        f"## {title}",
        f"Measured by `python -m bench {command}`, which took {result['seconds']} s.",
        _table(("key", "measured", "must", "runs", "what"), promises),
        "Beside it, in the same run:",
        _table(("key", "measured", "runs", "what"), beside),
    ]
    return "\n\n".join(parts) + "\n"


def page(result: dict[str, Any]) -> str:
    """The page as Markdown."""
    machine = result["machine"]
    parts = [
        "# Performance",
        "Written by `make bench`.",
        (
            f"Measured {machine['date']} on {machine['processor']}, {machine['cores']} cores, "
            f"{machine['memory']} memory, {machine['system']}, Python {machine['python']}, "
            f"load {machine['load'][0]} before the start.\n"
            f"The store held {result['resources']:,} resources; the run took {result['seconds']} s."
        ),
        "## What we promise",
        _table(
            ("key", "measured", "must", "aim", "runs", "what"),
            [(f"`{k}`", _n(result[k]), must, aim, _runs(result, k), what) for k, (must, aim, what) in PROMISES.items()],
        ),
        f"HL7's FHIRPath cases: {result['fhirpath_passed']} of {result['fhirpath_cases']} pass (must: 880).",
        "## Yardsticks of the same run",
        _table(
            ("key", "measured", "runs", "what"),
            [(f"`{k}`", _n(result[k]), _runs(result, k), what) for k, what in YARDSTICKS.items()],
        ),
        "## Bytes per resource, by table",
        _table(("table", "bytes"), [(f"`{k}`", _n(v)) for k, v in result["bytes_by_table"].items()]),
        "## Method",
        METHOD.strip(),
    ]
    return "\n\n".join(parts) + "\n"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _n(value: float) -> str:
    return f"{value:,}"


def _runs(result: dict[str, Any], key: str) -> str:
    return " · ".join(_n(each) for each in result.get(f"{key}_runs", []))
