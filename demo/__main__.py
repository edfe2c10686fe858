"""`python -m demo`: write a synthetic province as NDJSON, one folder per source library."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import date
from pathlib import Path

from demo.telling import Wish, tell_province

PROGRESS_SECONDS = 2.0


def main() -> None:
    """Read the wish from the command line and tell the province."""
    wish = _wish()
    started = shown = time.monotonic()
    told = 0
    for told in tell_province(wish):
        now = time.monotonic()
        if now - shown >= PROGRESS_SECONDS:
            shown = now
            rate = told / (now - started)
            left = (wish.residents - told) / rate
            sys.stderr.write(f"{told:,} of {wish.residents:,} residents, {rate:,.0f} a second, {left:,.0f} s left\n")
    seconds = time.monotonic() - started
    sys.stderr.write(f"{told:,} residents in {seconds:,.1f} s, {told / seconds:,.0f} a second: {wish.folder}\n")


def _wish() -> Wish:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--residents", type=_count, default=2_000, help="how many people (default 2000)")
    parser.add_argument("--seed", type=int, default=2026, help="the same seed writes the same bytes")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write to")
    parser.add_argument("--today", type=date.fromisoformat, default=date(2026, 11, 23), help="the day that is today")
    parser.add_argument("--plain", action="store_true", help="write .ndjson instead of .ndjson.gz")
    parser.add_argument("--ward", action="store_true", help="add a ward of newborns with twelve cameras")
    said = parser.parse_args()
    return Wish(
        residents=said.residents,
        seed=said.seed,
        today=said.today,
        folder=said.out,
        compressed=not said.plain,
        ward=said.ward,
    )


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least one resident")
    return number


if __name__ == "__main__":
    main()
