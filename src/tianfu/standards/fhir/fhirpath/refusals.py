"""The three ways in which an expression is refused: its form, its meaning, its evaluation."""

from __future__ import annotations

from tianfu.kernel.refusal import Refusal


class ExpressionRefused(Refusal):
    """An expression that gave no result; `reason` is a stable word, `at` the character where it went wrong."""

    kind = "fhirpath"

    def __init__(self, reason: str, *, at: int | None = None, said: str = "") -> None:
        details = {"reason": reason}
        if said:
            details["said"] = said
        if at is not None:
            details["at"] = str(at)
        super().__init__(self.kind, details=details)
        self.reason = reason


class InvalidSyntax(ExpressionRefused):
    """The text is not an expression."""

    kind = "fhirpath-syntax"


class InvalidMeaning(ExpressionRefused):
    """The expression can be read, but not make sense: an unknown element or function, a type that never fits."""

    kind = "fhirpath-semantic"


class FailedEvaluation(ExpressionRefused):
    """The expression met a value that it cannot work with, or a limit."""

    kind = "fhirpath-execution"
