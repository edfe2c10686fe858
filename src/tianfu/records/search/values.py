"""The values of one statement: each gets a placeholder, none is ever written into the text."""

from __future__ import annotations

from collections.abc import Sequence


class StatementValues:
    """Gathers values and gives out their placeholders, typed so that the server need not guess."""

    def __init__(self) -> None:
        self.by_name: dict[str, object] = {}

    def _named(self, value: object) -> str:
        name = f"v{len(self.by_name)}"
        self.by_name[name] = value
        return f"%({name})s"

    def bigint(self, value: int) -> str:
        """One 64-bit number."""
        return f"{self._named(value)}::bigint"

    def bigints(self, values: Sequence[int]) -> str:
        """An array of 64-bit numbers."""
        return f"{self._named(list(values))}::bigint[]"

    def smallint(self, value: int) -> str:
        """One 16-bit number."""
        return f"{self._named(value)}::smallint"

    def smallints(self, values: Sequence[int]) -> str:
        """An array of 16-bit numbers."""
        return f"{self._named(list(values))}::smallint[]"

    def double(self, value: float) -> str:
        """One floating-point number."""
        return f"{self._named(value)}::double precision"

    def text(self, value: str) -> str:
        """One text, compared by its bytes."""
        return f'{self._named(value)}::text collate "C"'

    def texts(self, values: Sequence[str]) -> str:
        """An array of texts."""
        return f"{self._named(list(values))}::text[]"

    def bytea(self, value: bytes) -> str:
        """One byte string."""
        return f"{self._named(value)}::bytea"

    def uuids(self, values: Sequence[bytes]) -> str:
        """An array of sixteen-byte hashes."""
        return f"{self._named(list(values))}::uuid[]"
