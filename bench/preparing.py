"""Builds the store that is measured: the Synthea bundles under as many sources as make the size wanted."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path

from bench.places import keys, synthea
from bench.saying import say
from tianfu.db import migrate
from tianfu.db.embedded import EmbeddedPostgres
from tianfu.installation import schema_steps
from tianfu.records.importing.files import Source
from tianfu.records.importing.run import import_paths


def prepare(home: Path, resources: int) -> None:
    """Import until the store holds `resources`; what an earlier call finished is left, what it began goes on."""
    finished = home / "prepared"
    finished.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with EmbeddedPostgres(home).running() as addresses:
        migrate(addresses, schema_steps())
        for number in itertools.count(1):
            held = sum(int(each.read_text("ascii")) for each in finished.iterdir())
            say(f"{held:,} resources after {time.monotonic() - started:,.0f} s")
            if held >= resources:
                return
            mark = finished / f"{number:04}"
            if mark.exists():
                continue
            done = import_paths(
                addresses,
                home,
                [synthea()],
                keys=keys(home),
                source=Source(uri=f"urn:bench:source:{number:04}"),
                workers=os.cpu_count() or 1,
                rejects_file=home / "rejects.tsv",
                progress=lambda read, size, taken: None,
            )
            mark.write_text(str(done.resources), "ascii")
