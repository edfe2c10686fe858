"""The style sheet, islands and drawings: held in memory, named by their content, cached for ever.

Vite builds them into `static/built/` and lists them in its manifest (https://vite.dev/guide/backend-integration).
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

BUILT = Path(__file__).parent / "static" / "built"
MANIFEST = ".vite/manifest.json"
ASSETS_PATH = "/static/"

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class AssetsNotBuiltError(RuntimeError):
    """`static/built/` is empty: the front end has not been built (`make set-up`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One built file, plain and compressed."""

    name: str
    media_type: str
    plain: bytes
    gzipped: bytes


@dataclass(frozen=True, slots=True)
class Assets:
    """All built files by name, and their names by source."""

    files: Mapping[str, Asset]
    names: Mapping[str, str]

    def address(self, source: str) -> str:
        """The address of the file built from `source` (`styles/site.scss`)."""
        return ASSETS_PATH + self.names[source]


def load_assets(folder: Path = BUILT) -> Assets:
    """Read every built file; refuses when there is none."""
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise AssetsNotBuiltError(str(folder))
    names = {source: entry["file"] for source, entry in json.loads(manifest.read_bytes()).items()}
    return Assets({name: _asset(folder, name) for name in names.values()}, names)


def _asset(folder: Path, name: str) -> Asset:
    plain = (folder / name).read_bytes()
    return Asset(
        name=name,
        media_type=MEDIA_TYPES[Path(name).suffix],
        plain=plain,
        gzipped=gzip.compress(plain, 9, mtime=0),
    )
