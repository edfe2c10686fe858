"""Chance that repeats: every household and every person has dice of their own, thrown from the seed."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice(random.Random):
    """Dice that fall the same way whenever they are made from the same words."""

    def __init__(self, *words: object) -> None:
        super().__init__("/".join(map(str, words)))

    def happens(self, probability: float) -> bool:
        """Whether a thing of this probability happens."""
        return self.random() < probability

    def pick(self, things: Sequence[T]) -> T:
        """One of several, all alike likely."""
        return things[int(self.random() * len(things))]

    def weighted(self, weights: Mapping[T, float]) -> T:
        """One of several, each as likely as its weight says."""
        aim = self.random() * sum(weights.values())
        for thing, weight in weights.items():
            aim -= weight
            if aim < 0:
                return thing
        return next(reversed(tuple(weights)))

    def around(self, middle: float, spread: float, *, low: float, high: float) -> float:
        """A number near `middle`, never outside `low` to `high`."""
        return min(high, max(low, self.gauss(middle, spread)))
