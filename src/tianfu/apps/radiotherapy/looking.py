"""Planes of cases as pictures: a case that somebody looks at stays open for a while, so that turning pages is quick."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from markupsafe import Markup

from tianfu.apps.radiotherapy.made_results import gamma_map_of
from tianfu.apps.radiotherapy.open_doses import OpenDoses
from tianfu.apps.radiotherapy.pictures.cuts import SolidStructure, section_in, solid_structure
from tianfu.apps.radiotherapy.pictures.frames import PlaneFrame, PlaneKind, plane_frame, positions_mm
from tianfu.apps.radiotherapy.pictures.gamma_plot import gamma_histogram, gamma_legend, gamma_png
from tianfu.apps.radiotherapy.pictures.isodoses import Isodose, isodoses_in
from tianfu.apps.radiotherapy.pictures.overlays import Contour, Shown, overlay
from tianfu.apps.radiotherapy.pictures.scales import WIDE
from tianfu.apps.radiotherapy.pictures.slices import slice_png
from tianfu.apps.radiotherapy.pictures.windows import WindowName, window_named
from tianfu.apps.radiotherapy.pictures.words import gamma_words, overlay_words
from tianfu.apps.radiotherapy.plan_results import PlanResult
from tianfu.apps.radiotherapy.queries.evaluation import (
    images_of,
    prescribed_gy,
    refuse_other_frames,
    structures_for,
)
from tianfu.apps.radiotherapy.queries.planning import chosen_of
from tianfu.apps.radiotherapy.results import GammaResult
from tianfu.apps.radiotherapy.wishes import documents_of
from tianfu.kernel.refusal import Refusal
from tianfu.services.documents.keeping import Documents
from tianfu.services.imaging.cases import Cases, KeptCase
from tianfu.standards.dicom.cases import Case
from tianfu.standards.dicom.doses import Dose
from tianfu.standards.dicom.images import ImageSeries
from tianfu.standards.dicom.structure_sets import StructureSet
from tianfu.standards.dicom.structures import Structure
from tianfu.web.languages import Language

OPEN_MAX = 2
"""So many cases one worker keeps open: a CT of 150 slices takes 80 MB. [ours]"""

OPEN_BYTES_MAX = 512 << 20
"""A case that takes more once it is read is read each time, and held by nobody: small objects may inflate. [ours]"""

SHOWN_BYTES_MAX = 1 << 30
"""A larger case is not read by a process that answers everybody's pages. [ours]"""

LEVELS = (105.0, 100.0, 95.0, 80.0, 50.0, 30.0)
"""Isodose lines in percent of the reference dose, as in the design."""

CSS_PX = 280.0

GAMMA_MM_PER_PX = 1.0


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is looked at: a plane at a place, in a window; lines of a dose are in percent of `reference_gy`."""

    kind: PlaneKind
    at_mm: float
    window: WindowName
    reference_gy: float | None = None


@dataclass(frozen=True, kw_only=True)
class ShownPlane:
    """A plane with what lies on it; `before_mm` and `after_mm` are its neighbours, None at the ends."""

    kind: PlaneKind
    drawn: Markup
    at_mm: float
    number: int
    count: int
    before_mm: float | None
    after_mm: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Ground:
    """What planes are shown of: images with contours, and a dose with what its plan prescribes if one was chosen.

    `whose` is said with each picture's title: the name of a plan that was made here.
    """

    images: ImageSeries
    structures: tuple[SolidStructure, ...]
    dose: Dose | None = None
    prescribed_gy: float | None = None
    whose: str = ""


@dataclass(kw_only=True)
class OpenCase:
    """A case that was read, and its structures as solids by the images and the set that they are of."""

    case: Case
    solids: dict[tuple[str, str], tuple[SolidStructure, ...]] = field(default_factory=dict)

    def images(self, series: str | None) -> ImageSeries:
        """The images of this Series Instance UID, or the only ones.

        Raises Refusal `images-unclear`, or `images-not-there` if there are none of this UID.
        """
        return images_of(chosen_of(self.case, structure_set=None, images=series))

    def ground(self, dose: str, *, images: str | None) -> Ground:
        """A dose of the case with the contours that its plan was made for; without one, the only contours.

        Structures that cannot be drawn are left out.
        """
        on, chosen = self.images(images), self.dose(dose)
        plan = next((each for each in self.case.plans if chosen is not None and each.instance == chosen.plan), None)
        contours = [structures_for(self.case, plan)] if self.case.structure_sets else []
        drawn = tuple(solid for each in contours for solid in self._drawn(each, on))
        return Ground(images=on, structures=drawn, dose=chosen, prescribed_gy=prescribed_gy(plan))

    def ground_of_plan(self, made: PlanResult, dose: Dose | None, *, whose: str) -> Ground:
        """A dose of a plan that was made here, on the images and with the contours on which it was made.

        Raises Refusal `images-not-there` or `structures-not-there` if the case has them no more.
        """
        chosen = chosen_of(self.case, structure_set=made.structure_set, images=made.images)
        images = images_of(chosen)
        drawn = self._drawn(chosen.structure_sets[0], images)
        return Ground(images=images, structures=drawn, dose=dose, prescribed_gy=made.prescribed_gy, whose=whose)

    def dose(self, instance: str) -> Dose | None:
        """The dose of this SOP Instance UID."""
        return next((each for each in self.case.doses if each.instance == instance), None)

    def _drawn(self, contours: StructureSet, images: ImageSeries) -> tuple[SolidStructure, ...]:
        refuse_other_frames(images, contours.header)
        key = (images.header.series.uid, contours.instance)
        if key not in self.solids:
            self.solids[key] = tuple(_solids(contours.structures, images))
        return self.solids[key]


def _solids(structures: Sequence[Structure], images: ImageSeries) -> list[SolidStructure]:
    made = []
    for structure in structures:
        try:
            made.append(solid_structure(structure, images.volume.grid))
        except Refusal:
            continue  # the list of structures tells why
    return made


class Looking:
    """The cases and doses that a worker has open; whoever asks has been let in before."""

    def __init__(self, cases: Cases, documents: Documents) -> None:
        self._cases = cases
        self._doses = OpenDoses(documents)
        self._open: OrderedDict[str, OpenCase] = OrderedDict()
        self._reading = asyncio.Lock()

    async def opened(self, case: KeptCase) -> OpenCase:
        """The case, read unless it is open.  Raises Refusal `case-without-images` or `case-too-large-to-show`."""
        held = await self._held(case)
        if not held.case.images:
            raise Refusal("case-without-images")
        return held

    async def read(self, case: KeptCase) -> Case:
        """The same, also of a case without images; raises Refusal `case-too-large-to-show`."""
        return (await self._held(case)).case

    async def dose(self, document: str) -> Dose:
        """The dose of a plan that was made here, by its document, as `OpenDoses.opened`."""
        return await self._doses.opened(document)

    async def _held(self, case: KeptCase) -> OpenCase:
        objects = await self._cases.objects(case)
        size = sum(each.size_bytes for each in objects)
        if size > SHOWN_BYTES_MAX:
            raise Refusal("case-too-large-to-show", details={"bytes": str(size), "most": str(SHOWN_BYTES_MAX)})
        key = " ".join((case.id, *documents_of(objects)))
        async with self._reading:  # two who look at once read once, and hold no more than one more case
            found = self._open.get(key)
            if found is None:
                read = (await self._cases.read(case)).value
                found = OpenCase(case=read)
                if _held_bytes(read) <= OPEN_BYTES_MAX:
                    self._open[key] = found
                    while len(self._open) > OPEN_MAX:
                        self._open.popitem(last=False)
            else:
                self._open.move_to_end(key)
        return found


def _held_bytes(case: Case) -> int:
    """What the voxels of a case take in memory."""
    images = sum(each.volume.values.nbytes for each in case.images)
    return images + sum(each.volume.values.nbytes for each in case.doses)


def middle_mm(ground: Ground, kind: PlaneKind) -> float:
    """Where one begins to look: the middle of the first target, or of the image."""
    targets = [each for each in ground.structures if each.structure.kind == "PTV"]
    places = positions_mm(ground.images.volume.grid, kind)
    if not targets:
        return float(places[len(places) // 2])
    points = np.concatenate([ring.points for ring in targets[0].structure.rings])
    axis = {PlaneKind.AXIAL: 2, PlaneKind.SAGITTAL: 0, PlaneKind.CORONAL: 1}[kind]
    middle = float((points[:, axis].min() + points[:, axis].max()) / 2)
    return min(max(middle, float(places[0])), float(places[-1]))  # a target may reach beyond the image


def plane_picture(images: ImageSeries, wish: Wish) -> bytes:
    """The picture of a plane as PNG."""
    frame = plane_frame(images.volume.grid, wish.kind, wish.at_mm)
    return slice_png(images.volume, frame, window_named(wish.window))


def shown_plane(ground: Ground, wish: Wish, language: Language, *, key: str, picture: str) -> ShownPlane:
    """A plane with its contours and isodose lines; `key` is the drawing's on its page, `picture` its PNG's address."""
    grid = ground.images.volume.grid
    frame = plane_frame(grid, wish.kind, wish.at_mm)
    places = positions_mm(grid, wish.kind)
    number = int(np.abs(places - frame.position_mm).argmin())
    contours = [
        Contour(name=each.structure.name, series=series, section=section_in(each, frame))
        for series, each in enumerate(ground.structures, start=1)
    ]
    words = overlay_words(frame, structures=len(contours), language=language, whose=ground.whose)
    shown = Shown(css_px=CSS_PX, key=key, picture=picture)
    return ShownPlane(
        kind=wish.kind,
        drawn=overlay(frame, contours, _lines(ground, wish, frame), words=words, shown=shown),
        at_mm=frame.position_mm,
        number=number + 1,
        count=len(places),
        before_mm=float(places[number - 1]) if number else None,
        after_mm=float(places[number + 1]) if number + 1 < len(places) else None,
    )


def _lines(ground: Ground, wish: Wish, frame: PlaneFrame) -> tuple[Isodose, ...]:
    dose = ground.dose
    if dose is None or wish.reference_gy is None:
        return ()
    refuse_other_frames(ground.images, dose.header)
    return isodoses_in(dose.volume, frame, LEVELS, reference_gy=wish.reference_gy)


@dataclass(frozen=True, kw_only=True)
class ShownGamma:
    """A gamma comparison in drawings."""

    legend: Markup
    histogram: Markup
    positions: tuple[float, ...]


def shown_gamma(result: GammaResult, language: Language) -> ShownGamma:
    """Legend and histogram, and where the map has planes."""
    found = gamma_map_of(result)
    words = gamma_words(found, language, key="gamma")
    return ShownGamma(
        legend=gamma_legend(words=words, layout=WIDE),
        histogram=gamma_histogram(found, words=gamma_words(found, language, key="gamma-shares"), layout=WIDE),
        positions=tuple(map(float, positions_mm(found.gammas.grid, PlaneKind.AXIAL))),
    )


def gamma_picture(result: GammaResult, at_mm: float) -> bytes:
    """The axial plane of a map as PNG, nearest to a place."""
    found = gamma_map_of(result)
    return gamma_png(found, plane_frame(found.gammas.grid, PlaneKind.AXIAL, at_mm, mm_per_px=GAMMA_MM_PER_PX))
