"""Why a search was not done.  No value that was searched for is repeated: it may name a patient."""

from __future__ import annotations

from collections.abc import Iterable

from tianfu.kernel.refusal import Fault, Refusal

NAME_SHOWN_MAX = 100


def unknown_parameter(resource_type: str, name: str, known: Iterable[str]) -> Refusal:
    """No parameter of this name belongs to the type; the answer lists those that do."""
    return Refusal(
        "search-parameter-unknown",
        details={"type": resource_type, "parameter": shown(name), "known": ", ".join(sorted(known))},
        faults=(Fault(shown(name), "search-parameter-unknown"),),
    )


def not_supported(name: str, feature: str) -> Refusal:
    """FHIR has it, this server does not do it yet."""
    return Refusal("search-not-supported", details={"parameter": shown(name), "feature": feature})


def not_indexed(name: str) -> Refusal:
    """The parameter is known but not all records are indexed for it yet."""
    return Refusal(
        "search-parameter-not-indexed",
        next_step="send-again-later",
        retryable=True,
        details={"parameter": shown(name)},
    )


def modifier_not_allowed(name: str, modifier: str) -> Refusal:
    """This modifier does not belong to this kind of parameter."""
    return Refusal("search-modifier-not-allowed", details={"parameter": shown(name), "modifier": shown(modifier)})


def malformed(name: str, expected: str) -> Refusal:
    """The value is not of the form that the parameter takes."""
    return Refusal("search-value-malformed", details={"parameter": shown(name), "expected": expected})


def too_large(what: str, limit: int) -> Refusal:
    """The search itself is larger than this server takes."""
    return Refusal("search-too-large", details={"what": what, "limit": str(limit)})


def shown(name: str) -> str:
    """A name from outside, short enough to be repeated, without control characters."""
    plain = "".join(character if character.isprintable() else "?" for character in name[:NAME_SHOWN_MAX])
    return plain if len(name) <= NAME_SHOWN_MAX else f"{plain}…"
