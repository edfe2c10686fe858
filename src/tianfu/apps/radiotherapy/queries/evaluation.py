"""How a plan's dose lies in the structures of its case: histograms, figures, and the scorecard of a protocol."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol as Port
from typing import TypeVar

from tianfu.apps.radiotherapy.model.dvh import Dvh, dose_volume_histogram
from tianfu.apps.radiotherapy.model.protocols import Protocol
from tianfu.apps.radiotherapy.model.scorecards import ScoreLine, Verdict, scorecard
from tianfu.apps.radiotherapy.model.shapes import CLOSED, shape_of
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.cases import Case
from tianfu.standards.dicom.doses import Dose
from tianfu.standards.dicom.headers import Header
from tianfu.standards.dicom.images import ImageSeries
from tianfu.standards.dicom.names import Unknown, standard_name_of
from tianfu.standards.dicom.plans import Plan
from tianfu.standards.dicom.structure_sets import StructureSet
from tianfu.standards.dicom.structures import Structure

PARTS = frozenset({"FRACTION", "BEAM", "BRACHY", "FRACTION_SESSION", "BEAM_SESSION", "BRACHY_SESSION", "CONTROL_POINT"})
"""Dose Summation Types (PS3.3 C.8.8.3) of less than a plan: a limit for a whole course would always seem kept."""

Value = TypeVar("Value")
Progress = Callable[[str, int, int], None]
"""Told after each step: what was done, and how many of how many are; whatever it raises ends the work."""


@dataclass(frozen=True, kw_only=True)
class EvaluatedStructure:
    """A structure with its histogram, or with the refusal because of which it has none."""

    structure: Structure
    standard_name: str | None
    dvh: Dvh | None
    refused: Refusal | None


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """All structures of a set in one dose; `lines` are empty without a protocol."""

    dose: Dose
    plan: Plan | None
    prescription_gy: float | None
    structures: tuple[EvaluatedStructure, ...]
    lines: tuple[ScoreLine, ...]


class Shelf(Port):
    """Where histograms lie that were computed before, by the number of their structure."""

    def get(self, number: int) -> Dvh | None:
        """The histogram, or None."""
        ...

    def put(self, number: int, dvh: Dvh) -> None:
        """Keep a histogram."""
        ...


class NoShelf:
    """Nothing is kept."""

    def get(self, number: int) -> Dvh | None:
        """Never anything."""
        return None

    def put(self, number: int, dvh: Dvh) -> None:
        """Kept nowhere."""


NO_SHELF = NoShelf()


def evaluate(
    case: Case, *, dose: str | None, protocol: Protocol | None, on_progress: Progress, shelf: Shelf = NO_SHELF
) -> Evaluation:
    """Judge one dose of a case, the only one unless its SOP Instance UID is named.

    Raises Refusal `case-without-dose`, `case-without-structures`, `case-without-images`, `dose-unclear` if there are
    several and none is named, `structures-unclear`, `structures-of-plan-missing`, `images-unclear`, `frames-differ`.
    A structure that cannot be judged is told with its reason, and the others are judged.
    """
    chosen, images = dose_of(case, dose), images_of(case)
    plan = next((each for each in case.plans if each.instance == chosen.plan), None)
    structure_set = structures_for(case, plan)
    refuse_other_frames(images, structure_set.header, chosen.header)
    judged = []
    for number, structure in enumerate(structure_set.structures, start=1):
        judged.append(_evaluated(structure, chosen, images, shelf))
        on_progress(structure.name, number, len(structure_set.structures))
    prescribed = prescribed_gy(plan)
    named = {_judged_as(each): each.dvh for each in judged if each.dvh is not None}
    several = frozenset(name for name, count in Counter(map(_judged_as, judged)).items() if count > 1)
    lines = () if protocol is None else scorecard(protocol, named, prescription_gy=prescribed, several=several)
    if chosen.summation in PARTS or chosen.kind == "ERROR":
        lines = tuple(map(_of_a_part, lines))
    return Evaluation(dose=chosen, plan=plan, prescription_gy=prescribed, structures=tuple(judged), lines=tuple(lines))


def _of_a_part(line: ScoreLine) -> ScoreLine:
    """The line without a verdict; one that had none keeps its reason."""
    has_verdict = line.verdict is not Verdict.NOT_EVALUABLE
    return replace(line, verdict=Verdict.NOT_EVALUABLE, reason="dose-of-a-part") if has_verdict else line


def _judged_as(evaluated: EvaluatedStructure) -> str:
    """The name by which a protocol speaks of a structure."""
    return evaluated.standard_name or evaluated.structure.name


def _evaluated(structure: Structure, dose: Dose, images: ImageSeries, shelf: Shelf) -> EvaluatedStructure:
    grid = images.volume.grid
    name = standard_name_of(structure.name)
    standard = None if isinstance(name, Unknown) else name.name
    try:
        if not any(ring.kind in CLOSED for ring in structure.rings):
            raise Refusal("structure-empty", details={"structure": structure.name})
        dvh = shelf.get(structure.number)
        if dvh is None:
            shape = shape_of(structure, grid)
            dvh = dose_volume_histogram(shape, grid, dose.volume, slice_thickness_mm=float(grid.spacing[2]))
            shelf.put(structure.number, dvh)
    except Refusal as refusal:
        return EvaluatedStructure(structure=structure, standard_name=standard, dvh=None, refused=refusal)
    return EvaluatedStructure(structure=structure, standard_name=standard, dvh=dvh, refused=None)


def dose_of(case: Case, instance: str | None) -> Dose:
    """The dose with this SOP Instance UID, or the only one; raises Refusal `case-without-dose` or `dose-unclear`."""
    if not case.doses:
        raise Refusal("case-without-dose")
    found = [each for each in case.doses if instance in {None, each.instance}]
    if len(found) != 1:
        raise Refusal("dose-unclear", details={"doses": " ".join(each.instance for each in case.doses)})
    return found[0]


def images_of(case: Case) -> ImageSeries:
    """The only series of images; raises Refusal `case-without-images` or `images-unclear`."""
    return _only(case.images, "case-without-images", "images-unclear")


def refuse_other_frames(images: ImageSeries, *others: Header) -> None:
    """Raise Refusal `frames-differ` if something does not lie in the frame of reference of the images.

    Without a registration nobody knows where it lies in them, though its numbers look as if one did.
    """
    if any(other.frame != images.header.frame for other in others):
        raise Refusal("frames-differ")


def refuse_other_patients(images: ImageSeries, others: Mapping[str, Header]) -> None:
    """Raise Refusal `case-mixed-patients` if something, by what it is called, has another Patient ID than the images.

    No dose is computed in one patient by the contours or the plan of another.
    """
    for name, header in others.items():
        if header.patient.number != images.header.patient.number:
            raise Refusal("case-mixed-patients", details={"object": name, "first": "CT"})


def structures_for(case: Case, plan: Plan | None) -> StructureSet:
    """The structure set that a plan names; the only one if it names none, or there is no plan.

    Raises Refusal `case-without-structures`, `structures-unclear`, and `structures-of-plan-missing` if the named one is
    not in the case: a plan is judged by the contours it was made for, and by no others.
    """
    named = None if plan is None else plan.structure_set
    if named is None or not case.structure_sets:
        return _only(list(case.structure_sets), "case-without-structures", "structures-unclear")
    found = [each for each in case.structure_sets if each.instance == named]
    return _only(found, "structures-of-plan-missing", "structures-unclear")


def prescribed_gy(plan: Plan | None) -> float | None:
    """The highest dose that a plan prescribes to a target over its whole course; None if it says none."""
    if plan is None:
        return None
    said = [each.prescribed_gy for each in plan.dose_references if each.kind == "TARGET"]
    return max((each for each in said if each is not None), default=None)


def _only(found: Sequence[Value], none: str, several: str) -> Value:
    if not found:
        raise Refusal(none)
    if len(found) > 1:
        raise Refusal(several, details={"count": str(len(found))})
    return found[0]
