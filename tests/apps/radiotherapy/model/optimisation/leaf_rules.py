"""What a leaf may do, written once more and pair by pair, so that no mistake of the program is believed."""

from __future__ import annotations

from tianfu.apps.radiotherapy.model.machines.collimators import Leaves, Limits
from tianfu.apps.radiotherapy.model.optimisation.apertures import FieldSegments, Segment

SLACK_MM = 1e-6


def leaves_of(
    *, pairs: int = 20, width_mm: float = 5.0, interdigitates: bool = True, reach_mm: float = 150.0
) -> Leaves:
    """Leaves of one width about the axis."""
    return Leaves(
        boundaries_mm=tuple((number - pairs / 2) * width_mm for number in range(pairs + 1)),
        least_mm=-200.0,
        most_mm=200.0,
        gap_mm=0.5,
        reach_mm=reach_mm,
        interdigitates=interdigitates,
        step_mm=0.1,
        speed_mm_per_s=25.0,
        rounded_end_mm=0.8,
        transmission=0.015,
    )


LIMITS = Limits(
    beam_mu_most=2000.0,
    segment_mu_least=2.0,
    mu_step=0.1,
    segments_most=200,
    dose_rates=(600.0,),
    gantry_degrees_per_s=6.0,
    collimator_degrees=(0.0, 360.0),
    couch_degrees=(0.0, 360.0),
)


def faults_of(segment: Segment, leaves: Leaves, limits: Limits) -> list[str]:
    """What forbids a segment."""
    faults: list[str] = []
    first, second = segment.first_mm.tolist(), segment.second_mm.tolist()
    if len(first) != leaves.pairs or len(second) != leaves.pairs:
        return ["pairs"]
    for pair in range(leaves.pairs):
        gap = second[pair] - first[pair]
        if gap != 0 and gap < leaves.gap_mm - SLACK_MM:
            faults.append(f"gap of pair {pair}")
        if min(first[pair], second[pair]) < leaves.least_mm or max(first[pair], second[pair]) > leaves.most_mm:
            faults.append(f"travel of pair {pair}")
        others = [] if leaves.interdigitates else [each for each in (pair - 1, pair + 1) if 0 <= each < leaves.pairs]
        faults += [f"{pair} passes {other}" for other in others if first[pair] > second[other] + SLACK_MM]
    for name, bank in (("first", first), ("second", second)):
        if max(bank) - min(bank) > leaves.reach_mm + SLACK_MM:
            faults.append(f"reach of the {name} bank")
    if segment.mu < limits.segment_mu_least - 1e-9:
        faults.append("units")
    return faults


def all_faults_of(parts: tuple[FieldSegments, ...], leaves: Leaves, limits: Limits) -> list[str]:
    """The same of all segments of all fields."""
    return [fault for part in parts for segment in part.segments for fault in faults_of(segment, leaves, limits)]
