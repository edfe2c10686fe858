"""Write docs/reference/settings.md from the descriptions in `src/tianfu/settings.py`; a test compares.

python scripts/write_settings_page.py
"""

from __future__ import annotations

from pathlib import Path

from tianfu.settings import DESCRIBED, Description, Reader

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "settings.md"

BEGINNING = """\
# Settings

All settings are environment variables; there is no settings file.
A value that is no value of its setting is refused with `setting-invalid`, and nothing starts.
This page is made from `src/tianfu/settings.py` by `scripts/write_settings_page.py`.
"""

IN_PRODUCTION = """\
## What production asks for

[Deploy](../how-to/deploy.md) sets all of these; [hardening](hardening.md) says why.
"""

DEVELOPMENT = "## For development\n"
ITSELF = "## Set by the program itself\n"

END = """\
## What lies in the home

| entry | what |
|---|---|
| `postgres/` | data, socket and log of the embedded server |
| `postgres.lock`, `postgres.users` | who uses the embedded server now; one more file keeps it running after `tianfu database start` |
| `database-secret` | the secret of the database roles |
| `audit/` | heads, signed roots and public keys of the [audit trail](audit-trail.md) |
| `documents/` | sealed documents, unless `TIANFU_DOCUMENTS` names another place |
| `keys/audit-sm2.pem` | the key that signs them |
| `keys/master.key` | the master key, which wraps the keys that seal protected elements and hash identifiers |
| `codes-secret` | the token of the provider that sends one-time codes, and reminders where the same one carries them |
| `notices-secret` | the token of another provider that carries reminders |
| `demo-logins.json` | the logins of a demonstration, with the secrets of their authenticators; never in production |
| `demo/` | only while `make run` fills the database |

Keep a copy of `keys/master.key` apart from the backups: without it, protected elements are lost, and a database that meets another key is refused with `key-differs`.
See [Keys](../how-to/keys.md) and [Back up and restore](../how-to/back-up-and-restore.md).
On some machines the embedded server's data lie elsewhere because another account must reach them; `tianfu database status` prints where.
"""  # noqa: E501 - prose has one sentence a line


def page() -> str:
    """The whole page."""
    asked = [each for each in DESCRIBED if each.production]
    return "\n".join(
        (
            BEGINNING,
            _meanings("program"),
            IN_PRODUCTION,
            _table(("setting", "in production"), [(f"`{each.name}`", each.production) for each in asked]),
            DEVELOPMENT,
            _meanings("development"),
            ITSELF,
            _meanings("itself"),
            END,
        )
    )


def _meanings(read_by: Reader) -> str:
    return _table(
        ("setting", "form", "default", "meaning"), [_row(each) for each in DESCRIBED if each.read_by == read_by]
    )


def _row(each: Description) -> tuple[str, ...]:
    return f"`{each.name}`", each.form, each.default, each.meaning


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, *rows]
    text = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join((text[0], "|" + "---|" * len(head), *text[1:], ""))


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
