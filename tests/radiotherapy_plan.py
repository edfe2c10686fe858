"""A small plan: a ball in an ellipse of water, three fields, and everything so coarse that it takes a second or two."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
from demo.radiotherapy.machines import exponential_beam
from demo.radiotherapy.objects import Making, contoured_values_of
from demo.radiotherapy.phantoms import CORD, PTV, Lattice, LinearDose, Part, Phantom, Region, made_phantom
from demo.radiotherapy.solids import Sphere

from tianfu.apps.radiotherapy.density_tables import shipped_density_table
from tianfu.apps.radiotherapy.model.contouring.reviews import accepted_by
from tianfu.apps.radiotherapy.model.machines.generic import generic_linac
from tianfu.apps.radiotherapy.model.machines.machines import Machine
from tianfu.apps.radiotherapy.model.planning.subjects import Subject
from tianfu.apps.radiotherapy.model.planning.templates import plan_wish_from
from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish
from tianfu.apps.radiotherapy.model.transport.density_reading import read_density_table
from tianfu.apps.radiotherapy.model.transport.density_tables import DensityTable
from tianfu.apps.radiotherapy.queries.plan_objects import PlanMaking
from tianfu.apps.radiotherapy.queries.planning import plan_base_of
from tianfu.standards.dicom.cases import Case

SPACING_MM = 6.0

WISH: dict[str, Any] = {
    "form": 1,
    "name": "small",
    "title": {"en": "small"},
    "notice": {"en": "Not for clinical use."},
    "known": [{"element": "objectives", "mark": "ours", "source": "of this test"}],
    "machine": {"name": "generic-6mv", "version": 1},
    "body": "BODY",
    "targets": ["PTV_5000"],
    "prescription": {"structure": "PTV_5000", "dose_gy": 50.0, "fractions": 25, "volume_percent": 95.0},
    "fields": [
        {"gantry_degrees": gantry, "collimator_degrees": 0.0, "couch_degrees": 0.0} for gantry in (0.0, 120.0, 240.0)
    ],
    "isocentre": "target-middle",
    "beamlet_mm": 10.0,
    "margin_mm": 3.0,
    "regions": [
        {"name": "ring", "around": ["PTV_5000"], "from_mm": 6.0, "to_mm": 20.0, "without": [], "share": 1.0},
        {"name": "beyond", "around": ["PTV_5000"], "from_mm": 20.0, "to_mm": None, "without": [], "share": 0.5},
    ],
    "objectives": [
        {"kind": "minimum-dose", "structure": "PTV_5000", "weight": 100.0, "dose_gy": 51.0},
        {"kind": "maximum-dose", "structure": "PTV_5000", "weight": 100.0, "dose_gy": 53.0},
        {"kind": "maximum-dose", "structure": "ring", "weight": 10.0, "dose_gy": 45.0},
        {"kind": "maximum-dose", "structure": "SpinalCord", "weight": 30.0, "dose_gy": 15.0},
        {"kind": "equivalent-at-most", "structure": "beyond", "weight": 1.0, "dose_gy": 10.0, "exponent": 1.0},
    ],
    "in_order": None,
    "optimisation": {
        "fluence": {"iterations_most": 12, "change_least": 1e-3},
        "smoothing": 0.3,
        "levels": 3,
        "apertures": {"iterations_most": 4, "change_least": 1e-2},
        "rounds": 1,
        "farthest_mm": 3.0,
        "seed": 1,
    },
    "computation": {
        "spacing_mm": SPACING_MM,
        "density_table": {"name": "TG-119 phantom", "version": 1},
        "lateral_cut_off_mm": 30.0,
        "surface_density": 0.05,
        "ray_mm": 4.0,
        "step_mm": 4.0,
        "second": None,
    },
    "dose_rate_mu_per_min": 300.0,
    "tolerance": {
        "gantry_degrees": 1.0,
        "collimator_degrees": 1.0,
        "couch_degrees": 1.0,
        "vertical_mm": 10.0,
        "longitudinal_mm": 10.0,
        "lateral_mm": 10.0,
    },
}


HOLDING = {"weight": 10.0, "held_weight": 1000.0, "slack_gy": 0.5, "slack_percent": 1.0, "aim_gy": 0.3}


def goal_of(structure: str, text: str, *, priority: int) -> dict[str, Any]:
    """A goal of our own."""
    told = {"structure": structure, "goal": text, "priority": priority}
    return {**told, "variation": None, "mark": "ours", "source": "of this test"}


IN_ORDER: dict[str, Any] = {
    "goals": [
        goal_of("PTV_5000", "D95% >= 50 Gy", priority=1),
        goal_of("PTV_5000", "D10% < 55 Gy", priority=1),
        goal_of("SpinalCord", "D10% < 25 Gy", priority=2),
    ],
    "holding": HOLDING,
}
"""The goals of protocol `tg119-c-shape-easier` for a ball and a cord; its holding is our own."""

BESIDE_GOALS = WISH["objectives"][2:3] + WISH["objectives"][4:]
"""What is asked of the body about them on every level."""


def ordered_wish(*goals: dict[str, Any], **changes: Any) -> PlanWish:
    """The small template that serves goals in their order, those of `IN_ORDER` unless others are given."""
    told = IN_ORDER if not goals else {**IN_ORDER, "goals": list(goals)}
    return small_wish(in_order=told, objectives=BESIDE_GOALS, **changes)


def template(**changes: Any) -> bytes:
    """The small template with other parts; `a__b` is b of a."""
    told: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(WISH))
    for name, value in changes.items():
        *path, last = name.split("__")
        part = told
        for step in path:
            part = part[step]
        part[last] = value
    return msgspec.json.encode(told)


def small_wish(**changes: Any) -> PlanWish:
    """The same, read."""
    return plan_wish_from(template(**changes))


TABLE: dict[str, Any] = {
    "form": 1,
    "name": "Made-up CT 120 kV",
    "version": 1,
    "scanner": "a scanner that is nobody's",
    "settings": "120 kV, head, filtered back projection",
    "notice": {"en": "Made up. Not for clinical use.", "zh-CN": "虚构。不得用于临床。"},
    "is_phantoms": False,
    "measured": {"phantom": "an electron density phantom that is nobody's", "on": "2026-03-02", "by": "Wang^Fang"},
    "pairs": [
        {"hounsfield": hounsfield, "density": density, "mark": "measured", "source": source}
        for hounsfield, density, source in (
            (-1000.0, 0.001, "air"),
            (-500.0, 0.49, "lung"),
            (0.0, 1.0, "water"),
            (1200.0, 1.7, "bone"),
        )
    ],
}
"""A clinic's table, made up: the file as somebody would write it."""


def table_text(**changes: Any) -> bytes:
    """The made-up clinic's table with other parts."""
    return msgspec.json.encode({**TABLE, **changes})


def clinic_table(**changes: Any) -> DensityTable:
    """The same, read."""
    return read_density_table(table_text(**changes))


def phantom_table() -> DensityTable:
    """The one that comes with the program, which the small template names."""
    return shipped_density_table("TG-119 phantom", 1)


@cache
def small_machine() -> Machine:
    """The generic machine with a made beam and leaves of one centimetre."""
    machine = generic_linac(exponential_beam())
    edges = tuple(float(edge) for edge in range(-200, 201, 10))
    return replace(machine, leaves=replace(machine.leaves, boundaries_mm=edges))


@cache
def small_case(*, radius_mm: float = 22.0) -> Case:
    """Images and contours of a ball and a cord in an ellipse of water, accepted by a person; from 26 mm they touch."""
    at = datetime(2026, 3, 3, tzinfo=UTC)
    phantom = Phantom(
        name="small",
        regions=(
            Region(drawn=PTV, parts=(Part(body=Sphere(radius_mm=radius_mm), at_mm=(0.0, 0.0, 0.0)),)),
            Region(drawn=CORD, parts=(Part(body=Sphere(radius_mm=10.0), at_mm=(0.0, 36.0, 0.0)),)),
        ),
        image=Lattice(shape=(16, 28, 28), spacing_mm=(6.0, 6.0, 6.0)),
        dose_lattice=Lattice(shape=(2, 2, 2), spacing_mm=(6.0, 6.0, 6.0)),
        dose=LinearDose(middle_gy=0.0, gy_per_mm=(0.0, 0.0, 0.0)),
    )
    case = contoured_values_of(made_phantom(phantom), Making(seed=7))
    (drawn,) = case.structure_sets
    accepted = tuple(accepted_by(one, person="Wang^Fang", at=at) for one in drawn.structures)
    return Case(images=case.images, structure_sets=(replace(drawn, structures=accepted),))


@cache
def small_subject() -> Subject:
    """The same as a plan is made on it."""
    return plan_base_of(small_case(), small_wish(), phantom_table()).subject


def making() -> PlanMaking:
    """Names and a time that never change; shortly after the images."""
    return PlanMaking(
        plan_series="2.25.1",
        plan="2.25.2",
        dose_series="2.25.3",
        dose="2.25.4",
        second="2.25.5",
        at=datetime(2026, 3, 20, 10, tzinfo=UTC),
    )
