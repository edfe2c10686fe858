"""What segments' numbers are to beamlets: their weights, and the slopes of weights brought back to units and leaves.

The numbers are the units of all segments, then the first leaf of each open pair, then the second of each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tianfu.apps.radiotherapy.model.machines.collimators import Leaves
from tianfu.apps.radiotherapy.model.optimisation.apertures import FieldSegments
from tianfu.apps.radiotherapy.model.optimisation.segmentation import Whole
from tianfu.apps.radiotherapy.model.transport.fields import Beamlets
from tianfu.standards.dicom.grids import Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Covering:
    """Open pairs of segments over beamlets.

    `field` (S) is each segment's place in `within` (F, B), the part of beamlets inside the field's jaws.  Open pair k
    is `pair[k]` of segment `segment[k]`.  Touch t is of open pair `opening[t]` and beamlet `beamlet[t]`, whose part
    `across[t]` lies in the pair's width, from `low[t]` to `high[t]` along the leaves' travel.
    """

    beamlets: int
    size_mm: float
    rounded_end_mm: float
    transmission: float
    numbers: Floats
    field: Whole
    within: Floats
    segment: Whole
    pair: Whole
    opening: Whole
    beamlet: Whole
    across: Floats
    low: Floats
    high: Floats

    def split(self, numbers: Floats) -> tuple[Floats, Floats, Floats]:
        """Units, first leaves, second leaves."""
        segments, pairs = len(self.field), len(self.segment)
        return numbers[:segments], numbers[segments : segments + pairs], numbers[segments + pairs :]

    def weights(self, numbers: Floats, *, soft_mm: float) -> Floats:
        """The weights of beamlets (B) in units; a tip's edge is a ramp from so far before it to so far beyond."""
        mu, _, _ = self.split(numbers)
        opened = self._opened(numbers, soft_mm) * (1 - self.transmission) * mu[self.segment[self.opening]]
        direct = np.bincount(self.beamlet, weights=opened, minlength=self.beamlets)
        by_field = np.bincount(self.field, weights=mu, minlength=len(self.within))
        return np.asarray(direct + self.transmission * by_field @ self.within)

    def slopes(self, numbers: Floats, gradient: Floats, *, soft_mm: float) -> Floats:
        """The slope for each number, of the slope for each beamlet's weight."""
        mu, first, second = self.split(numbers)
        felt = gradient[self.beamlet] * (1 - self.transmission)
        of_segment = self.segment[self.opening]
        for_mu = np.bincount(of_segment, weights=felt * self._opened(numbers, soft_mm), minlength=len(mu))
        let_through = self.transmission * (self.within @ gradient)[self.field]
        at_tip = felt * mu[of_segment] * self.across / self.size_mm
        left, right = self._edges(first, second)
        for_first = -at_tip * (_ramp_slope(self.high - left, soft_mm) - _ramp_slope(self.low - left, soft_mm))
        for_second = at_tip * (_ramp_slope(self.high - right, soft_mm) - _ramp_slope(self.low - right, soft_mm))
        pairs = len(self.segment)
        return np.concatenate(
            [
                for_mu + let_through,
                np.bincount(self.opening, weights=for_first, minlength=pairs),
                np.bincount(self.opening, weights=for_second, minlength=pairs),
            ]
        )

    def _edges(self, first: Floats, second: Floats) -> tuple[Floats, Floats]:
        return first[self.opening] - self.rounded_end_mm, second[self.opening] + self.rounded_end_mm

    def _opened(self, numbers: Floats, soft_mm: float) -> Floats:
        """The part of each touch's beamlet that is open there."""
        _, first, second = self.split(numbers)
        left, right = self._edges(first, second)
        until_high = _ramp(self.high - left, soft_mm) - _ramp(self.high - right, soft_mm)
        until_low = _ramp(self.low - left, soft_mm) - _ramp(self.low - right, soft_mm)
        return np.asarray(self.across * (until_high - until_low) / self.size_mm)


def covering_of(parts: tuple[FieldSegments, ...], beamlets: Beamlets, leaves: Leaves) -> Covering:
    """How segments cover beamlets now."""
    places = [_Place.of(part, beamlets, leaves) for part in parts]
    each = [(number, segment) for number, part in enumerate(parts) for segment in part.segments]
    opens = [np.flatnonzero(segment.second_mm > segment.first_mm) for _, segment in each]
    firsts = [segment.first_mm[pairs] for (_, segment), pairs in zip(each, opens, strict=True)]
    seconds = [segment.second_mm[pairs] for (_, segment), pairs in zip(each, opens, strict=True)]
    segment_of = np.repeat(np.arange(len(each)), [len(pairs) for pairs in opens])
    pair = np.concatenate(opens)
    touched = [places[each[s][0]].by_pair[p] for s, p in zip(segment_of.tolist(), pair.tolist(), strict=True)]
    touches = np.concatenate(touched)
    place = np.concatenate([[0], np.cumsum([len(one.number) for one in places])])
    shift = np.repeat([place[each[s][0]] for s in segment_of.tolist()], [len(one) for one in touched])
    at = touches + shift
    return Covering(
        beamlets=beamlets.count,
        size_mm=beamlets.size_mm,
        rounded_end_mm=leaves.rounded_end_mm,
        transmission=leaves.transmission,
        numbers=np.concatenate([[segment.mu for _, segment in each], *firsts, *seconds]),
        field=np.array([number for number, _ in each]),
        within=np.stack([one.within for one in places]),
        segment=segment_of,
        pair=pair,
        opening=np.repeat(np.arange(len(pair)), [len(one) for one in touched]),
        beamlet=np.concatenate([one.number for one in places])[at],
        across=np.concatenate([one.across for one in places])[at],
        low=np.concatenate([one.low for one in places])[at],
        high=np.concatenate([one.high for one in places])[at],
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Place:
    """Beamlets of a field on its pairs: entries `number`, `across`, `low`, `high`, and which of them a pair has."""

    number: Whole
    across: Floats
    low: Floats
    high: Floats
    by_pair: list[Whole]
    within: Floats

    @classmethod
    def of(cls, part: FieldSegments, beamlets: Beamlets, leaves: Leaves) -> _Place:
        """The beamlets of a part's field within its jaws."""
        own = np.flatnonzero(beamlets.field == part.field)
        half = beamlets.size_mm / 2
        low, high = beamlets.at_mm[own] - half, beamlets.at_mm[own] + half
        bounds = np.clip(np.array(leaves.boundaries_mm), *part.jaws_y_mm)
        across = np.minimum(high[:, 1:], bounds[1:]) - np.maximum(low[:, 1:], bounds[:-1])
        at, pair = np.nonzero(across > 0)
        x_low = np.clip(low[:, 0], *part.jaws_x_mm)
        x_high = np.clip(high[:, 0], *part.jaws_x_mm)
        within = np.zeros(beamlets.count)
        within[own] = np.maximum(across, 0).sum(axis=1) * (x_high - x_low) / beamlets.size_mm**2
        return cls(
            number=own[at],
            across=across[at, pair] / beamlets.size_mm,
            low=x_low[at],
            high=x_high[at],
            by_pair=[np.flatnonzero(pair == each) for each in range(leaves.pairs)],
            within=within,
        )


def _ramp(distance: Floats, soft_mm: float) -> Floats:
    """The part of a length beyond an edge: zero before it, itself after it, a parabola between."""
    near = np.clip(distance + soft_mm, 0.0, 2 * soft_mm)
    return np.asarray(near**2 / (4 * soft_mm) + np.maximum(distance - soft_mm, 0.0))


def _ramp_slope(distance: Floats, soft_mm: float) -> Floats:
    return np.asarray(np.clip((distance + soft_mm) / (2 * soft_mm), 0.0, 1.0))
