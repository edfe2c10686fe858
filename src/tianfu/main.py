"""The only place where parts are put together: settings in, application out."""

from __future__ import annotations

from tianfu.db.migrations import Migration, migrations_in

MIGRATION_SETS = ("tianfu.records.schema",)
"""Packages with schema steps, in the order in which they build on each other."""


def schema_steps() -> list[Migration]:
    """Every step of the schema, in its order."""
    return [step for package in MIGRATION_SETS for step in migrations_in(package)]
