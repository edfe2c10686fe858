"""Refuse a template of which no plan can be made, before anything is computed."""

from __future__ import annotations

import math

import numpy as np

from tianfu.apps.radiotherapy.model.machines.reading import NAME_MOST as MACHINE_NAME_MOST
from tianfu.apps.radiotherapy.model.optimisation.goals import levels_of, objective_of
from tianfu.apps.radiotherapy.model.optimisation.regions import Region
from tianfu.apps.radiotherapy.model.planning.wishes import FORM, Computation, InOrder, Optimisation, PlanWish
from tianfu.apps.radiotherapy.model.protocols import refuse_unless_goal
from tianfu.kernel.refusal import Refusal

FIELDS_MOST, OBJECTIVES_MOST, REGIONS_MOST, STRUCTURES_MOST = 30, 100, 30, 30
GOALS_MOST, LEVELS_MOST = 50, 10
"""Goals in their order, and their priorities: each has as many iterations as one fluence. [ours]"""

NAME_MOST = 64
"""Characters of a Long String (PS3.5 6.2), in which plans are named."""

BETWEEN_VALUES = "\\"
"""Parts two values of an attribute (PS3.5 6.4), and so can be in none of them."""

FAR_MM = 5000.0

BOUNDLESS = Region(rows=np.empty(0, np.int64), volume_cc=math.inf)
"""A structure of which only its contours tell how large it is."""

RANGES = {
    "beamlet_mm": (1.0, 20.0),
    "margin_mm": (0.0, 50.0),
    "dose_rate_mu_per_min": (1.0, 10_000.0),
    "prescription.dose_gy": (0.1, 200.0),
    "prescription.fractions": (1, 100),
    "prescription.volume_percent": (1.0, 100.0),
    "optimisation.levels": (1, 255),
    "optimisation.smoothing": (0.0, 1e6),
    "optimisation.rounds": (0, 50),
    "optimisation.farthest_mm": (0.1, 50.0),
    "optimisation.seed": (0, 2**32 - 1),
    "computation.spacing_mm": (1.0, 10.0),
    "computation.lateral_cut_off_mm": (10.0, 200.0),
    "computation.surface_density": (0.01, 0.5),
    "computation.ray_mm": (0.5, 10.0),
    "computation.step_mm": (0.5, 10.0),
    "machine.version": (1, 2**31),
    "tolerance.gantry_degrees": (0.1, 10.0),
    "tolerance.collimator_degrees": (0.1, 10.0),
    "tolerance.couch_degrees": (0.1, 10.0),
    "tolerance.vertical_mm": (1.0, 100.0),
    "tolerance.longitudinal_mm": (1.0, 100.0),
    "tolerance.lateral_mm": (1.0, 100.0),
}
"""Wide enough for any course of photons, narrow enough to compute with. [ours]"""


def refuse_unless_sound(wish: PlanWish) -> None:
    """Do nothing for a wish that can be planned.

    Raises Refusal `plan-wish-of-another-form`, `plan-wish-out-of-range` with the element, `plan-text-not-for-dicom` for
    a name that no plan can hold, `objective-not-sound`, or for goals in their order those of `refuse_unless_in_order`.
    """
    if wish.form != FORM:
        raise Refusal("plan-wish-of-another-form", details={"form": str(wish.form)})
    for element, (least, most) in RANGES.items():
        refuse_unless(least <= _value(wish, element) <= most, element)
    for element in ("name", "body", "machine.name", "prescription.structure", "computation.density_table.name"):
        text = str(_value(wish, element))
        refuse_unless(bool(text.strip()) and text.isprintable() and len(text) <= NAME_MOST, element)
    _refuse_unless_dicom_holds(wish)
    _refuse_unless_fields(wish)
    _refuse_unless_regions(wish)
    if wish.in_order is not None:
        refuse_unless_in_order(wish.in_order, wish)
    _refuse_unless_objectives(wish)
    _refuse_unless_stops(wish.optimisation)
    _refuse_unless_computation(wish.computation, wish)


def served(wish: PlanWish) -> frozenset[str]:
    """Everything that an objective or a goal speaks of."""
    return frozenset(each.structure for each in (*wish.objectives, *wish.goals))


def refuse_unless_in_order(asked: InOrder, wish: PlanWish) -> None:
    """Do nothing for goals that a plan can strive for, one level after the other.

    Raises Refusal `no-goals`, `plan-wish-out-of-range`, `constraint-not-understood`, `protocol-not-understood`,
    `variation-stricter-than-goal`, `goal-not-for-planning`, `volume-beyond-structure` or `holding-not-sound`.
    """
    levels = levels_of(asked.goals)
    told = [(goal.structure, goal.goal) for goal in asked.goals]
    refuse_unless(len(told) == len(set(told)) <= GOALS_MOST and len(levels) <= LEVELS_MOST, "in_order.goals")
    holding = asked.holding.holding
    regions = {region.name for region in wish.regions}
    for number, goal in enumerate(asked.goals, start=1):
        # What is reached is judged by drawn shapes, and a region of the template has none.
        is_fit = bool(goal.structure.strip()) and goal.structure not in regions
        refuse_unless(is_fit, f"in_order.goals[{number}].structure")
        refuse_unless_goal(goal)
        objective_of(
            goal,
            goal.constraint,
            BOUNDLESS,
            weight=holding.weight,
            prescription_gy=wish.prescription.dose_gy,
        )


def refuse_unless(is_fit: bool, element: str) -> None:
    """Raise Refusal `plan-wish-out-of-range` if an element does not fit."""
    if not is_fit:
        raise Refusal("plan-wish-out-of-range", details={"element": element})


def _refuse_unless_dicom_holds(wish: PlanWish) -> None:
    """What is written into the plan as text."""
    for element, most in (("name", NAME_MOST), ("machine.name", MACHINE_NAME_MOST)):
        text = str(_value(wish, element))
        if len(text) > most or BETWEEN_VALUES in text:
            raise Refusal("plan-text-not-for-dicom", details={"element": element, "most": str(most)})


def _value(wish: PlanWish, element: str) -> float:
    value: object = wish
    for name in element.split("."):
        value = getattr(value, name)
    return value  # type: ignore[return-value]  # numbers, and words where a caller makes them so


def _refuse_unless_fields(wish: PlanWish) -> None:
    refuse_unless(1 <= len(wish.fields) <= FIELDS_MOST, "fields")
    refuse_unless(len(set(wish.fields)) == len(wish.fields), "fields")
    for number, field in enumerate(wish.fields, start=1):
        for name in ("gantry_degrees", "collimator_degrees", "couch_degrees"):
            refuse_unless(0 <= getattr(field, name) < 360, f"fields[{number}].{name}")
    if not isinstance(wish.isocentre, str):
        refuse_unless(all(abs(place) <= FAR_MM for place in wish.isocentre), "isocentre")


def _refuse_unless_regions(wish: PlanWish) -> None:
    names = [region.name for region in wish.regions]
    refuse_unless(len(names) <= REGIONS_MOST and len(set(names)) == len(names), "regions")
    refuse_unless(not {wish.body, *wish.targets} & set(names), "regions")
    for region in wish.regions:
        at = f"regions.{region.name}"
        refuse_unless(bool(region.name.strip()), "regions")
        # A region of a region would need an order in which they are made.
        refuse_unless(bool(region.around) and not {*region.around, *region.without} & set(names), f"{at}.around")
        refuse_unless(0 <= region.from_mm <= FAR_MM, f"{at}.from_mm")
        refuse_unless(region.to_mm is None or region.from_mm < region.to_mm <= FAR_MM, f"{at}.to_mm")
        refuse_unless(0 < region.share <= 1, f"{at}.share")


def _refuse_unless_objectives(wish: PlanWish) -> None:
    least = 1 if wish.in_order is None else 0
    refuse_unless(least <= len(wish.objectives) <= OBJECTIVES_MOST, "objectives")
    for objective in wish.objectives:
        _ = objective.objective
    # The start of the fluence is the prescribed dose in its target.
    refuse_unless(wish.prescription.structure in served(wish), "prescription.structure")
    refuse_unless(wish.prescription.structure in wish.targets, "targets")
    refuse_unless(len(set(wish.targets)) == len(wish.targets) <= STRUCTURES_MOST, "targets")


def _refuse_unless_stops(optimisation: Optimisation) -> None:
    for name in ("fluence", "apertures"):
        stop = getattr(optimisation, name)
        refuse_unless(1 <= stop.iterations_most <= 5000, f"optimisation.{name}.iterations_most")
        refuse_unless(0 < stop.change_least < 1, f"optimisation.{name}.change_least")


def _refuse_unless_computation(computation: Computation, wish: PlanWish) -> None:
    refuse_unless(computation.lateral_cut_off_mm >= wish.beamlet_mm, "computation.lateral_cut_off_mm")
    refuse_unless(math.isfinite(wish.prescription.dose_gy), "prescription.dose_gy")
