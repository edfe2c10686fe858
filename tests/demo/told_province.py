"""A told province, read back for tests."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from demo.telling import Wish, tell_province

TODAY = date(2026, 11, 23)
RESIDENTS = 600

Resource = dict[str, Any]


class Province:
    """A told province, read back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sources = sorted(path.parent for path in folder.glob("*/source.json"))
        self.truth: list[Resource] = json.loads(
            gzip.decompress(folder.with_name(f"{folder.name}-truth.json.gz").read_bytes())
        )
        self._read: dict[tuple[str, str], list[Resource]] = {}

    def resources(self, source: Path, kind: str = "*") -> Iterator[Resource]:
        """The resources of a source, of one type or all."""
        for path in sorted(source.glob(f"{kind}.ndjson.gz")):
            key = (source.name, path.name)
            if key not in self._read:
                self._read[key] = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
            yield from self._read[key]

    def everywhere(self, kind: str = "*") -> Iterator[Resource]:
        """The resources of all sources."""
        for source in self.sources:
            yield from self.resources(source, kind)

    @property
    def public_health(self) -> Path:
        """The folder of the public-health library."""
        return self.folder / "public-health"


def tell(folder: Path, *, residents: int, seed: int = 7) -> None:
    """Write a province."""
    for _ in tell_province(Wish(residents=residents, seed=seed, today=TODAY, folder=folder)):
        pass
