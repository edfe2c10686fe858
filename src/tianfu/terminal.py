"""Where commands speak, and the settings that they all read."""

from __future__ import annotations

import os
from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from tianfu.kernel.refusal import Refusal
from tianfu.settings import Settings, settings_from

_UNPRINTED = {
    code: "\N{REPLACEMENT CHARACTER}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n\r"
}


class Terminal(Console):
    """Where commands speak; if whoever listened has gone, the work goes on in silence instead of ending with code 1.

    What is said holds names that others wrote: a character that would steer the terminal is shown as a mark.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As rich does, but nothing of a text itself clears the screen, moves the cursor or turns colours about."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(segment.text.translate(_UNPRINTED), segment.style)

    def on_broken_pipe(self) -> None:
        """Say nothing more, and leave nothing for the end of the program to flush into the closed pipe."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


out = Terminal(highlight=False, soft_wrap=True)
err = Terminal(stderr=True, highlight=False, soft_wrap=True)


def show_refusal(refusal: Refusal) -> None:
    """Tell a refusal on the terminal: what happened, the details, what to do next."""
    err.print(f"[bold red]Refused:[/] {refusal.code}")
    for name, value in refusal.details.items():
        err.print(f"  {name}: {value}", markup=False)
    for fault in refusal.faults:
        err.print(f"  {fault}", markup=False)
    err.print(f"  kept: {refusal.kept} · next: {refusal.next_step}", markup=False)


def current_settings() -> Settings:
    """The settings of this installation."""
    return settings_from(os.environ)
