"""Which images and which contours of a case are planned on: named, or the only ones; nothing is chosen for anybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from tianfu.kernel.refusal import Refusal

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.model.protocols import Protocol
    from tianfu.standards.dicom.cases import Case

StructureSetName = Annotated[
    str | None, typer.Option("--structure-set", help="SOP Instance UID of the structure set, where there are several")
]
SeriesName = Annotated[
    str | None, typer.Option("--series", help="Series Instance UID of the images, where there are several")
]


@dataclass(frozen=True, kw_only=True)
class Named:
    """What somebody named; None is the only one there is, and for a protocol that none judges."""

    structure_set: str | None
    series: str | None
    protocol: Protocol | None


def named_in(case: Case, named: Named) -> Case:
    """The case with the images and contours that are meant.

    Raises Refusal `plan-images-not-named` or `plan-structures-not-named` if there are several and none is named, and
    `images-not-there` or `structures-not-there` as `chosen_of` does.
    """
    from tianfu.apps.radiotherapy.queries.planning import chosen_of

    if named.series is None and len(case.images) > 1:
        known = [f"{each.header.series.uid} ({len(each.instances)})" for each in case.images]
        raise Refusal("plan-images-not-named", details={"count": str(len(known)), "known": ", ".join(known)})
    if named.structure_set is None and len(case.structure_sets) > 1:
        known = [f"{each.instance} ({each.label})" for each in case.structure_sets]
        raise Refusal("plan-structures-not-named", details={"count": str(len(known)), "known": ", ".join(known)})
    return chosen_of(case, structure_set=named.structure_set, images=named.series)
