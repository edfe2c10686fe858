"""Records spoilt at random places: each value of each element replaced by something that does not belong there."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, 3, "", "x", "active", "permit", "deny", "2026-11-20", [], [None], [[]], ["x"], [3], {}, {"x": 1},
    [{}], {"coding": "x"}, {"coding": [{"system": 1, "code": 2}]}, {"reference": 5}, {"reference": "Patient/"},
    {"start": "2026-13-45"}, {"start": {}}, [{"type": "permit"}], [{"type": "deny"}], [{"provision": [{}]}],
)  # fmt: skip


def spoilt(resource: dict[str, Any], *, seed: int, times: int) -> Iterator[dict[str, Any]]:
    """So many copies of a resource, in each of which one to three values are odd."""
    dice = random.Random(seed)
    for _ in range(times):
        one = copy.deepcopy(resource)
        for _ in range(dice.randint(1, 3)):
            holder, key = dice.choice(list(_places(one)))
            holder[key] = copy.deepcopy(dice.choice(ODD))
        one["resourceType"] = resource["resourceType"]
        yield one


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every member and every element of a list, at every depth."""
    pairs = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    for key, inner in pairs:
        yield value, key
        yield from _places(inner)
