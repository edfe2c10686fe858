"""What the database holds before and after a stranger, and what the trail tells of him."""

from __future__ import annotations

from collections.abc import Iterable

from tests.strangers.installation import Installation
from tianfu.db import Query

_TABLES = """select relname from pg_class where relkind in ('r', 'p') and not relispartition
  and relnamespace = current_schema()::regnamespace order by relname"""

UNTOUCHED = frozenset(
    {
        "audit",
        "audit_epoch",
        "audit_root",
        "token_bucket",
        "visit_keeper",
        "media_life",
        "quality_look",
        "quality_alert",
    }
)
"""What every request writes, the trail itself and the limits; and who keeps and watches visits, as goes on by itself.

That a stranger notes no alert is tried on one that stands, in tests/apps/newborn/test_quality.py ."""

ASKING = frozenset({"sign_in_failure", "one_time_code", "sign_in_step", "outside_sign_in"})
"""What the open forms of signing in write about those who try."""

_HELD = """select count(*), coalesce(sum(hashtextextended((to_jsonb(t) - 'seen_at')::text, 0)), 0)
  from a_table t where not coalesce(to_jsonb(t) ->> 'account' = any(%(not_of)s), false)"""
"""When a session was last seen is no change of anybody's making."""


async def held(
    here: Installation, *, but: Iterable[str] = (), not_of: Iterable[str] = ()
) -> dict[str, tuple[int, int]]:
    """How many rows each table has and a number that changes with any of them; rows of some accounts are left out."""
    found: dict[str, tuple[int, int]] = {}
    async with here.house.database.connection("owner") as owner:
        names = [row[0] for row in await owner.all(Query.composed("tables", _TABLES))]
        assert {"resource", "history", "session", "account", "oauth_family"} <= set(names)
        for name in names:
            if name not in UNTOUCHED | set(but):
                text = _HELD.replace("a_table", name)
                [row] = await owner.all(Query.composed("held", text), not_of=list(not_of))
                found[name] = row[0], int(row[1])
    assert found["resource"][0] > 10  # else walls would hide from us what changed
    return found


async def told(here: Installation, outcome: str, interaction: str = "") -> int:
    """How many events of the trail have this outcome."""
    text = """select count(*) from audit where outcome = %(outcome)s
        and (%(interaction)s = '' or interaction = %(interaction)s)"""
    async with here.house.database.connection("owner") as owner:
        [row] = await owner.all(Query.composed("told", text), outcome=outcome, interaction=interaction)
    return int(row[0])


async def last_event(here: Installation) -> int:
    """The number of the newest event of the trail."""
    async with here.house.database.connection("owner") as owner:
        [row] = await owner.all(Query.composed("last_event", "select coalesce(max(seq), 0) from audit"))
    return int(row[0])


async def outcomes_after(here: Installation, number: int) -> list[str]:
    """The outcomes of the events after one, oldest first."""
    text = "select outcome from audit where seq > %(number)s order by seq"
    async with here.house.database.connection("owner") as owner:
        return [str(row[0]) for row in await owner.all(Query.composed("outcomes_after", text), number=number)]
