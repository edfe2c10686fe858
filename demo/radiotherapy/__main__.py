"""`python -m demo.radiotherapy`: made-up cases for the made-up physicist; says on its output how many were taken in."""

from __future__ import annotations

import asyncio

from demo.radiotherapy.showing import show_cases
from tianfu.installation import running_database
from tianfu.kernel.refusal import Refusal
from tianfu.terminal import current_settings


def main() -> None:
    """Take them in where there are none; raises Refusal `demonstration-in-production`."""
    settings = current_settings()
    if settings.is_production:
        raise Refusal("demonstration-in-production", next_step="run-tianfu-serve", details={"mode": settings.mode})
    with running_database(settings) as addresses:
        print(asyncio.run(show_cases(settings, addresses)))


if __name__ == "__main__":
    main()
