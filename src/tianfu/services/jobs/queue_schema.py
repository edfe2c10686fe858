"""The queue's own tables, as procrastinate's package has them: each of its migrations is one step of our schema."""

from __future__ import annotations

from importlib.resources import files

from tianfu.db import Migration

SET_NAME = "procrastinate"
"""How these steps are recorded; nothing of theirs lies in our folders."""

_PACKAGE = "procrastinate.sql"


def queue_steps() -> list[Migration]:
    """All steps in the order of their file names (https://procrastinate.readthedocs.io, Migrations).

    A step keeps its number as long as newer versions only add files behind it, which their names promise; if one did
    not, the recorded checksum would differ and `migrate` would refuse.
    """
    folder = files(_PACKAGE) / "migrations"
    found = sorted((each for each in folder.iterdir() if each.name.endswith(".sql")), key=lambda each: each.name)
    return [
        Migration(
            set_name=SET_NAME,
            number=number,
            title=each.name.removesuffix(".sql"),
            phase="post" if "_post_" in each.name else "pre",
            text=each.read_text("utf-8"),
        )
        for number, each in enumerate(found, start=1)
    ]
