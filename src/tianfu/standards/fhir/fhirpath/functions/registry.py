"""What a function is: its code, how many arguments it takes, and what it takes and gives, for checks before it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from tianfu.standards.fhir.fhirpath.frames import Closure, Frame
from tianfu.standards.fhir.fhirpath.nodes import Collection

Apply = Callable[[Frame, Collection, tuple[Closure, ...]], Collection]

Takes = Literal["anything", "text"]
"""`text`: primitives only."""

Gives = Literal[
    "Boolean", "String", "Integer", "Decimal", "Date", "DateTime", "Time", "Quantity", "anything", "same", "argument"
]
"""A System type, or the type of the input (`same`) or of the argument."""


class Function(NamedTuple):
    """One function; arguments with `each_item` look at the items of the input one by one."""

    apply: Apply
    arguments_min: int = 0
    arguments_max: int = 0
    gives: Gives = "anything"
    takes: Takes = "anything"
    each_item: bool = False
    needs_order: bool = False
    """The result depends on the order of the input."""
    one_item: bool = False
    """The result has at most one item."""
