"""How far a measurement is."""

from __future__ import annotations

import sys


def say(sentence: str) -> None:
    """Tell how far it is, beside the result."""
    print(f"• {sentence}", file=sys.stderr, flush=True)
