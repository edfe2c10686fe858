"""The most memory that a process had is told from where it was asked to be forgotten."""

from __future__ import annotations

import numpy as np
from bench.machine import forget_peak, peak_rss_mb

BYTES = 200_000_000


def test_what_was_let_go_before_the_peak_is_forgotten_does_not_count() -> None:
    forget_peak()
    before = peak_rss_mb()
    held = np.ones(BYTES, np.uint8)
    assert peak_rss_mb() - before > BYTES / 1e6 * 0.9
    del held
    assert peak_rss_mb() - before > BYTES / 1e6 * 0.9
    forget_peak()
    assert peak_rss_mb() - before < BYTES / 1e6 * 0.1
