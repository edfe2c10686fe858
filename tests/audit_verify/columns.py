"""The columns of the trail's table, as the database has them."""

from __future__ import annotations

import psycopg

from tianfu.db import Addresses, Role


def columns_of_audit(addresses: Addresses) -> list[str]:
    """Their names."""
    asked = "select attname from pg_attribute where attrelid = 'audit'::regclass and attnum > 0 and not attisdropped"
    with psycopg.connect(addresses.of(Role.READER)) as connection:
        return [str(row[0]) for row in connection.execute(asked)]
