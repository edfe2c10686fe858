"""What went wrong in PostgreSQL, said in Tianfu's words.

SQLSTATE codes: https://www.postgresql.org/docs/18/errcodes-appendix.html .  A server's message may quote
values of patients, so it leaves this module only for errors about the schema or the syntax.
"""

from __future__ import annotations

from tianfu.kernel.refusal import PERHAPS_EVERYTHING, Refusal

_UNAVAILABLE_CLASSES = {"08", "53", "57"}
_UNAVAILABLE_STATES = {"25006", "25P03"}
_SCHEMA_CLASSES = {"42", "0A", "26"}


class UniqueViolation(Exception):  # noqa: N818 - the name of the rule that was broken
    """A row with the same unique key exists; `constraint` names the rule."""

    def __init__(self, constraint: str) -> None:
        super().__init__(constraint)
        self.constraint = constraint


class SerializationFailure(Exception):  # noqa: N818 - the standard's word
    """Another transaction came first, or two waited for each other: running the whole transaction again may succeed."""


class StatementFailed(Exception):  # noqa: N818 - says what happened
    """PostgreSQL refused a statement for a reason that is our mistake; `sqlstate` says which."""

    def __init__(self, query_name: str, sqlstate: str, message: str) -> None:
        super().__init__(f"{query_name}: {sqlstate} {message}".rstrip())
        self.query_name = query_name
        self.sqlstate = sqlstate


def database_unavailable(reason: str, *, kept: str = "nothing-changed") -> Refusal:
    """The database cannot be asked now."""
    return Refusal(
        "database-unavailable", kept=kept, next_step="send-again-later", retryable=True, details={"reason": reason}
    )


def outcome_unknown() -> Refusal:
    """The connection broke while a commit was on its way: it may or may not have happened."""
    return Refusal(
        "database-unavailable",
        kept=PERHAPS_EVERYTHING,
        next_step="look-before-sending-again",
        retryable=True,
        details={"reason": "connection-lost-during-commit"},
    )


def deadline_passed() -> Refusal:
    """The statement ran longer than its caller wanted to wait."""
    return Refusal("deadline-passed", next_step="narrow-the-question", retryable=True)


def disk_full() -> Refusal:
    """The database's disk has no room."""
    return Refusal("disk-full", next_step="free-space-then-send-again", retryable=True)


def error_of(query_name: str, sqlstate: str, message: str, constraint: str = "") -> Exception:
    """The exception that stands for an error answer of the server."""
    if sqlstate == "23505":
        return UniqueViolation(constraint)
    if sqlstate in {"40001", "40P01", "55P03"}:
        return SerializationFailure(f"{query_name}: {sqlstate}")
    if sqlstate == "57014":
        return deadline_passed()
    if sqlstate == "53100" or (sqlstate[:2] == "58" and "No space left" in message):
        return disk_full()
    if sqlstate[:2] in _UNAVAILABLE_CLASSES or sqlstate in _UNAVAILABLE_STATES:
        return database_unavailable(sqlstate)
    shown = message if sqlstate[:2] in _SCHEMA_CLASSES else constraint
    return StatementFailed(query_name, sqlstate, shown)
