"""The one way in which Tianfu says no: a stable code, what was kept, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in an input; `path` is the element's path (`Patient.name[0].given`), `code` is stable."""

    path: str
    code: str
    details: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        said = " ".join(f"{name}={value}" for name, value in self.details.items())
        return f"{self.path}: {self.code} {said}".rstrip()


PERHAPS_EVERYTHING = "perhaps-everything"
"""What was kept if the connection broke while a commit was on its way."""

EVERYTHING = "everything"
"""What was kept if the act was done, and something that belongs to it was not."""


class Refusal(Exception):  # noqa: N818 - the trade's word; an answer, not a mistake of the program
    """An act that Tianfu did not do, and why.

    `code` names the reason and is the key of its sentence in every language; `kept` and `next_step` are
    keys too: what is safe, and what the person can do.  `retryable` says whether the same request may
    succeed later unchanged.  `web` alone turns a refusal into a status, an OperationOutcome or a page.
    """

    def __init__(
        self,
        code: str,
        *,
        kept: str = "nothing-changed",
        next_step: str = "correct-and-send-again",
        retryable: bool = False,
        faults: tuple[Fault, ...] = (),
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.kept = kept
        self.next_step = next_step
        self.retryable = retryable
        self.faults = faults
        self.details: Mapping[str, str] = details or {}
        self.is_traced = False
        """Whether the trail has an event of it already."""

    @property
    def is_uncertain(self) -> bool:
        """Whether the act may have been done all the same, so that doing it again could do it twice."""
        return self.kept in {PERHAPS_EVERYTHING, EVERYTHING}

    def __str__(self) -> str:
        said = " ".join(f"{name}={value}" for name, value in self.details.items())
        return " ".join([self.code, said, *map(str, self.faults)]).strip()


def unexpected() -> Refusal:
    """A mistake of ours: what it left behind is not known."""
    return Refusal("unexpected", kept="look-before-sending-again", next_step="try-again-later", retryable=True)


def place_of(error: BaseException) -> str:
    """An error's kind and innermost place, for the log; never its words, which may quote a patient's values."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f" at {trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}"
    return f"{type(error).__qualname__}{where}"
