"""A sound case, and ways to plant one fault in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from demo.radiotherapy.made import Drawn
from demo.radiotherapy.objects import Making
from demo.radiotherapy.phantoms import LEFT, PTV, RIGHT, Lattice, LinearDose, Part, Phantom, Region, made_phantom
from demo.radiotherapy.solids import Sphere
from demo.radiotherapy.sound import sound

from tianfu.apps.radiotherapy.model.checking.rules import Verdict
from tianfu.apps.radiotherapy.model.checking.subjects import Checked, MachineLimits
from tianfu.apps.radiotherapy.model.checking.verdicts import outcomes_of
from tianfu.standards.dicom.beams import Beam
from tianfu.standards.dicom.cases import Case
from tianfu.standards.dicom.doses import Dose
from tianfu.standards.dicom.grids import Floats
from tianfu.standards.dicom.headers import Header
from tianfu.standards.dicom.images import ImageSeries
from tianfu.standards.dicom.plans import DoseReference, Plan
from tianfu.standards.dicom.structures import Ring, Structure
from tianfu.standards.dicom.treatments import DeliveredBeam, DeliveredPoint, Treatment

Plant = Callable[[Checked], Checked]

TARGET, PAROTID_L, PAROTID_R = 2, 3, 4
"""Numbers of structures in the sound case; its body is 1."""


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A fault, the rule that is to find it, and rules that cannot but find it too."""

    rule: str
    plant: Plant
    also: frozenset[str] = frozenset()


def planted(rule: str, *plants: Plant, also: Sequence[str] = ()) -> Planted:
    """A fault that is planted in so many steps."""

    def all_of(checked: Checked) -> Checked:
        for plant in plants:
            checked = plant(checked)
        return checked

    return Planted(rule=rule, plant=all_of, also=frozenset(also))


def found(checked: Checked) -> set[str]:
    """The rules that find faults."""
    return {one.rule.id for one in outcomes_of(checked) if one.verdict is Verdict.FAULTS}


def phantom(*, slices: int = 30, step_mm: float = 3.0, pixel_mm: float = 3.0, radius_mm: float = 18.0) -> Phantom:
    """A ball between two parotids in an ellipse of water."""
    side = round(132 / pixel_mm)
    drawn: tuple[tuple[Drawn, float, float], ...] = ((PTV, radius_mm, 0.0), (LEFT, 11.0, 45.0), (RIGHT, 11.0, -45.0))
    return Phantom(
        name="checks",
        regions=tuple(
            Region(drawn=one, parts=(Part(body=Sphere(radius_mm=radius), at_mm=(x, 0.0, 0.0)),))
            for one, radius, x in drawn
        ),
        image=Lattice(shape=(slices, side, side), spacing_mm=(pixel_mm, pixel_mm, step_mm)),
        dose_lattice=Lattice(shape=(8, 8, 8), spacing_mm=(5.0, 5.0, 5.0)),
        dose=LinearDose(middle_gy=50.0, gy_per_mm=(0.0, 0.0, 0.0)),
    )


@cache
def sound_checked() -> Checked:
    """The case in which no rule finds anything, three fractions of it given."""
    return sound(made_phantom(phantom()), Making(seed=5, fractions_given=3))


def case(**changes: Any) -> Plant:
    """Other objects in the case."""
    return lambda checked: replace(checked, case=replace(checked.case, **changes))


NO_RECORDS = case(treatments=())


def no_machine(checked: Checked) -> Checked:
    """Without a machine."""
    return replace(checked, limits_given=None)


def limits(**changes: Any) -> Plant:
    """Another machine in what it can give and how it can turn."""
    return _machine(lambda machine: replace(machine, limits=replace(machine.limits, **changes)))


def leaves(**changes: Any) -> Plant:
    """Another machine in its leaves."""
    return _machine(lambda machine: replace(machine, leaves=replace(machine.leaves, **changes)))


def jaws(**changes: Any) -> Plant:
    """Another machine in its jaws."""
    return _machine(lambda machine: replace(machine, jaws=tuple(replace(one, **changes) for one in machine.jaws)))


def named_machine(name: str) -> Plant:
    """A machine of this name."""
    return _machine(lambda machine: replace(machine, name=name))


def _machine(edit: Callable[[MachineLimits], MachineLimits]) -> Plant:
    return lambda checked: replace(checked, limits_given=edit(checked.machine))


def with_plan(edit: Callable[[Plan], Plan]) -> Plant:
    """Another plan, in the case too."""

    def plant(checked: Checked) -> Checked:
        plan = edit(checked.plan)
        return replace(checked, chosen=plan, case=replace(checked.case, plans=(plan, *checked.case.plans[1:])))

    return plant


def plan(**changes: Any) -> Plant:
    """The plan with other attributes."""
    return with_plan(lambda one: replace(one, **changes))


def group(**changes: Any) -> Plant:
    """The fraction group with other attributes."""
    return with_plan(lambda one: replace(one, fraction_groups=(replace(one.fraction_groups[0], **changes),)))


def given(edit: Callable[[Any], Any], number: int | None = None) -> Plant:
    """What the fraction group says of one beam, or of all that have a meterset."""

    def plant(one: Plan) -> Plan:
        (only,) = one.fraction_groups
        chosen = [each.meterset is not None if number is None else each.beam == number for each in only.beams]
        beams = tuple(edit(each) if is_chosen else each for each, is_chosen in zip(only.beams, chosen, strict=True))
        return replace(one, fraction_groups=(replace(only, beams=beams),))

    return with_plan(plant)


def scaled(factor: float, *, doses: bool = True) -> Plant:
    """Every beam with so many times the monitor units, and the dose if wished."""
    return given(
        lambda one: replace(
            one, meterset=round(one.meterset * factor, 6), dose_gy=one.dose_gy * (factor if doses else 1.0)
        )
    )


def reference(edit: Callable[[DoseReference], DoseReference], number: int = 1) -> Plant:
    """Another dose reference."""
    return with_plan(
        lambda one: replace(
            one, dose_references=tuple(edit(each) if each.number == number else each for each in one.dose_references)
        )
    )


def more_reference(**attributes: Any) -> Plant:
    """One dose reference more, to a target."""
    extra = DoseReference(**{"number": 9, "place": "VOLUME", "kind": "TARGET", **attributes})
    return with_plan(lambda one: replace(one, dose_references=(*one.dose_references, extra)))


def with_beams(edit: Callable[[Beam], Beam], *numbers: int) -> Plant:
    """These beams otherwise, all if none is named."""
    return with_plan(
        lambda one: replace(
            one, beams=tuple(edit(beam) if not numbers or beam.number in numbers else beam for beam in one.beams)
        )
    )


def beam(number: int = 1, **changes: Any) -> Plant:
    """One beam with other attributes."""
    return with_beams(lambda one: replace(one, **changes), number)


def points(number: int | None = 1, places: slice = slice(None), **changes: Any) -> Plant:
    """Control points of a beam, or of all, with other attributes."""

    def edit(one: Beam) -> Beam:
        chosen = set(range(len(one.control_points))[places])
        return replace(
            one,
            control_points=tuple(
                replace(point, **changes) if place in chosen else point
                for place, point in enumerate(one.control_points)
            ),
        )

    return with_beams(edit, *([] if number is None else [number]))


def stands(number: int | None = 1, places: slice = slice(None), **changes: Any) -> Plant:
    """Where the machine stands at control points of a beam, otherwise."""

    def edit(one: Beam) -> Beam:
        chosen = set(range(len(one.control_points))[places])
        return replace(
            one,
            control_points=tuple(
                replace(point, stand=replace(point.stand, **changes)) if place in chosen else point
                for place, point in enumerate(one.control_points)
            ),
        )

    return with_beams(edit, *([] if number is None else [number]))


def shifted(*numbers: int, by_mm: tuple[float, float, float], places: slice = slice(None)) -> Plant:
    """Isocentres of these beams elsewhere, of all if none is named."""

    def edit(one: Beam) -> Beam:
        chosen = set(range(len(one.control_points))[places])
        moved = [
            replace(point, isocentre_mm=tuple(np.array(point.isocentre_mm) + by_mm)) if place in chosen else point
            for place, point in enumerate(one.control_points)
        ]
        return replace(one, control_points=tuple(moved))

    return with_beams(edit, *numbers)


def opening(device: str, edit: Callable[[Floats], Floats], number: int = 1, places: slice = slice(None)) -> Plant:
    """Other positions of one device at control points of a beam."""

    def edit_beam(one: Beam) -> Beam:
        chosen = set(range(len(one.control_points))[places])
        made = []
        for place, point in enumerate(one.control_points):
            openings = tuple(
                replace(each, positions_mm=tuple(edit(np.array(each.positions_mm)).tolist()))
                if each.device == device and place in chosen
                else each
                for each in point.stand.openings
            )
            made.append(replace(point, stand=replace(point.stand, openings=openings)))
        return replace(one, control_points=tuple(made))

    return with_beams(edit_beam, number)


def structure_set(**changes: Any) -> Plant:
    """The structure set with other attributes."""

    def plant(checked: Checked) -> Checked:
        changed = replace(checked.structure_set, **changes)
        return replace(checked, case=replace(checked.case, structure_sets=(changed,)))

    return plant


def with_structures(edit: Callable[[tuple[Structure, ...]], tuple[Structure, ...]]) -> Plant:
    """Other structures."""
    return lambda checked: structure_set(structures=edit(checked.structure_set.structures))(checked)


def structure(number: int, edit: Callable[[Structure], Structure]) -> Plant:
    """One structure otherwise."""
    return with_structures(lambda all_: tuple(edit(one) if one.number == number else one for one in all_))


def renamed(number: int, name: str) -> Plant:
    """A structure under another name."""
    return structure(number, lambda one: replace(one, name=name))


def more(*extra: Structure) -> Plant:
    """More structures."""
    return with_structures(lambda all_: (*all_, *extra))


def ball(name: str, kind: str, radius_mm: float, at_mm: tuple[float, float, float] = (0, 0, 0)) -> Structure:
    """A drawn ball on the slices of the sound case, which lie at odd multiples of 1.5 mm."""
    turns = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    rings = []
    for z in np.arange(-46.5, 48, 3):
        inside = radius_mm**2 - (z - at_mm[2]) ** 2
        if inside > 0:
            flat = np.sqrt(inside) * np.column_stack([np.cos(turns), np.sin(turns)]) + np.array(at_mm[:2])
            rings.append(Ring(points=np.column_stack([flat, np.full(40, z)])))
    number = 20 + sum(map(ord, name)) % 1000
    return Structure(number=number, name=name, kind=kind, colour=None, generation="MANUAL", rings=tuple(rings))


def with_images(edit: Callable[[ImageSeries], ImageSeries]) -> Plant:
    """Another image."""

    def plant(checked: Checked) -> Checked:
        return replace(checked, case=replace(checked.case, images=(edit(checked.images),)))

    return plant


def voxels(edit: Callable[[Any, Checked], None]) -> Plant:
    """The image with some values changed in place."""

    def plant(checked: Checked) -> Checked:
        values = checked.images.volume.values.copy()
        edit(values, checked)
        return with_images(lambda one: replace(one, volume=replace(one.volume, values=values)))(checked)

    return plant


def with_dose(edit: Callable[[Dose], Dose]) -> Plant:
    """Another dose."""
    return lambda checked: replace(checked, case=replace(checked.case, doses=(edit(checked.dose),)))


def grays(edit: Callable[[Any, Checked], None]) -> Plant:
    """The dose with some values changed in place."""

    def plant(checked: Checked) -> Checked:
        values = checked.dose.volume.values.copy()
        edit(values, checked)
        return with_dose(lambda one: replace(one, volume=replace(one.volume, values=values)))(checked)

    return plant


def headers(edit: Callable[[Header], Header], *kinds: str) -> Plant:
    """Other headers of these kinds of objects, named as `Case` names them."""

    def plant(checked: Checked) -> Checked:
        changed: Case = replace(
            checked.case,
            **{
                kind: tuple(replace(one, header=edit(one.header)) for one in getattr(checked.case, kind))
                for kind in kinds
            },
        )
        return replace(checked, case=changed, chosen=changed.plans[0])

    return plant


def record(number: int | None, edit: Callable[[Treatment], Treatment]) -> Plant:
    """One record otherwise, or all."""

    def plant(checked: Checked) -> Checked:
        records = checked.case.treatments
        changed = tuple(edit(one) if number in {None, one.number} else one for one in records)
        return replace(checked, case=replace(checked.case, treatments=changed))

    return plant


def delivered(edit: Callable[[DeliveredBeam], DeliveredBeam], number: int = 1) -> Plant:
    """One beam of the first record otherwise."""
    return record(
        1,
        lambda one: replace(one, beams=tuple(edit(each) if each.number == number else each for each in one.beams)),
    )


def delivered_points(edit: Callable[[DeliveredPoint], DeliveredPoint]) -> Plant:
    """All points of the first beam of the first record otherwise."""
    return delivered(lambda one: replace(one, points=tuple(map(edit, one.points))))
