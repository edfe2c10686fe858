"""How much one request may ask of this door."""

from __future__ import annotations

BODY_BYTES_MAX = 32 * 1024 * 1024
"""A transaction of a whole life with its documents fits; a larger load belongs to the import."""

FORM_BYTES_MAX = 1024 * 1024
"""A search by POST."""

ADDRESS_BYTES_MAX = 32 * 1024
HEADER_BYTES_MAX = 16 * 1024
PATH_SEGMENTS_MAX = 6
HISTORY_COUNT_DEFAULT = 50
HISTORY_COUNT_MAX = 1_000

SILENCE_SECONDS_MAX = 20.0
"""How long a client may stop in the middle of its body."""

BODY_SECONDS_MAX = 120.0
"""How long a whole body may take."""

PIECE_BYTES = 256 * 1024
"""A larger answer is handed over in pieces, so that we see whether its reader takes it."""

READING_BYTES_PER_SECOND_MIN = 32 * 1024
READING_SECONDS_MIN = 30.0
"""How slowly a client may read: so many seconds for any answer, and one more for each of these bytes."""

ANSWER_SECONDS_MAX = 40.0
"""How long a reading request may take; a single statement is stopped before."""
