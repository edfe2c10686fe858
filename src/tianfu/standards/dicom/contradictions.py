"""What an object says twice and differently: how many items it has, and which of them a number means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.elements import Item
from tianfu.standards.dicom.findings import Finding, found


def counts_that_differ(item: Item, counts: Mapping[str, str]) -> Iterator[Finding]:
    """`dicom-count-differs` for each attribute that states another number than its sequence has items."""
    for keyword, sequence in counts.items():
        there = len(item.items(sequence))
        if item.has(keyword) and item.whole(keyword) != there:
            yield found("dicom-count-differs", attribute=item.place + keyword, stated=item.whole(keyword), found=there)


def refuse_same_numbers(item: Item, numbers: Mapping[str, str], *, code: str) -> None:
    """Raise a Refusal if two items of a sequence have one number: nobody knows which of them is meant by it."""
    for sequence, keyword in numbers.items():
        counted = Counter(one.whole(keyword) for one in item.items(sequence))
        twice = next((number for number, count in counted.items() if count > 1), None)
        if twice is not None:
            raise Refusal(code, details={"attribute": keyword, "number": str(twice)})
