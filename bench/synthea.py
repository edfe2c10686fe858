"""The Synthea bundles as bundles to post, as lines to import, and as single Observations.

Synthea: https://github.com/synthetichealth/synthea
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from bench.places import synthea


def bundles() -> Iterator[bytes]:
    """Every bundle, minified."""
    for path in sorted(synthea().glob("*.json.gz")):
        yield orjson.dumps(orjson.loads(gzip.decompress(path.read_bytes())))


def entry_count(bundle: bytes) -> int:
    """How many resources a bundle holds."""
    return len(orjson.loads(bundle)["entry"])


def lines_of(bundle: bytes) -> Iterator[bytes]:
    """The resources of a bundle, one line each, with references by type and id instead of by place in the bundle."""
    entries = orjson.loads(bundle)["entry"]
    names = {
        entry["fullUrl"].encode(): f"{entry['resource']['resourceType']}/{entry['resource']['id']}".encode()
        for entry in entries
    }
    for entry in entries:
        yield _renamed(orjson.dumps(entry["resource"]), names)


def _renamed(line: bytes, names: dict[bytes, bytes]) -> bytes:
    parts = line.split(b'"reference":"')
    for at in range(1, len(parts)):
        target, quote, rest = parts[at].partition(b'"')
        parts[at] = names.get(target, target) + quote + rest
    return b'"reference":"'.join(parts)


def write_lines(path: Path) -> int:
    """Write all resources as NDJSON; how many there are."""
    count = 0
    with path.open("wb") as out:
        for bundle in bundles():
            for line in lines_of(bundle):
                out.write(line + b"\n")
                count += 1
    return count


def observations(limit: int) -> list[dict[str, Any]]:
    """Some Observations."""
    found: list[dict[str, Any]] = []
    for bundle in bundles():
        for line in lines_of(bundle):
            if line.startswith(b'{"resourceType":"Observation"'):
                found.append(orjson.loads(line))
            if len(found) == limit:
                return found
    return found
