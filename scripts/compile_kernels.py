"""Compile what computes doses and looks at plans, so that nobody waits for it at his first plan or picture.

    python -m scripts.compile_kernels

A coarse plan of a made-up phantom, by both engines, judged by rules and by a protocol, once by weighted objectives and
once by goals in their order: what it takes is compilation, which is kept beside the code, as
`tianfu.apps.radiotherapy.model.compiled` says.  The plan is for no patient and is thrown away.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import msgspec
from demo.radiotherapy.machines import exponential_beam
from demo.radiotherapy.objects import Making, contoured_values_of
from demo.radiotherapy.task_group import TASK_GROUP_PHANTOMS

from tianfu.apps.radiotherapy.density_tables import shipped_density_table
from tianfu.apps.radiotherapy.looking import OpenCase, Wish, middle_mm, plane_picture, shown_plane
from tianfu.apps.radiotherapy.model.contouring.reviews import accepted_by
from tianfu.apps.radiotherapy.model.machines.generic import generic_linac
from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish, StopWish
from tianfu.apps.radiotherapy.pictures.frames import PlaneKind
from tianfu.apps.radiotherapy.pictures.windows import WindowName
from tianfu.apps.radiotherapy.protocols import shipped_protocols
from tianfu.apps.radiotherapy.queries.plan_making import case_with, judged_plan
from tianfu.apps.radiotherapy.queries.plan_objects import PlanMaking
from tianfu.apps.radiotherapy.templates import shipped_templates
from tianfu.commands_radiotherapy.speaking import languages
from tianfu.standards.dicom.cases import Case

PHANTOM = "tg119-prostate"
AT = datetime(2026, 3, 3, tzinfo=UTC)
MAKING = PlanMaking(plan_series="2.25.1", plan="2.25.2", dose_series="2.25.3", dose="2.25.4", second="2.25.5", at=AT)
SPACING_MM = 10.0


def main() -> None:
    """Make the plan."""
    wish = coarse(shipped_templates()[PHANTOM])
    table = wish.computation.density_table
    made, _ = judged_plan(
        accepted_case(),
        wish,
        generic_linac(exponential_beam()),
        shipped_density_table(table.name, table.version),
        protocol=shipped_protocols()[PHANTOM],
        heard=lambda _: True,
        making=MAKING,
    )
    draw(case_with(made.base, made.objects.plan, made.objects.dose))


def draw(case: Case) -> None:
    """Three planes of the plan's dose on its images, with contours and isodose lines."""
    ground, language = OpenCase(case=case).ground(MAKING.dose, images=None), languages()["en"]
    for kind in PlaneKind:
        wish = Wish(kind=kind, at_mm=middle_mm(ground, kind), window=WindowName.SOFT_TISSUE, reference_gy=50.0)
        shown_plane(ground, wish, language, key="plane", picture="")
        plane_picture(ground.images, wish)


def accepted_case() -> Case:
    """The phantom's images and contours, as if a person had accepted them."""
    (phantom,) = [one for one in TASK_GROUP_PHANTOMS if one.name == PHANTOM]
    made = contoured_values_of(phantom.made(), Making(seed=1))
    (drawn,) = made.structure_sets
    accepted = tuple(accepted_by(one, person="Demo", at=AT) for one in drawn.structures)
    return Case(images=made.images, structure_sets=(replace(drawn, structures=accepted),))


def coarse(wish: PlanWish) -> PlanWish:
    """The wish on a grid and with iterations that take a moment, and with a second engine."""
    computation = msgspec.structs.replace(wish.computation, spacing_mm=SPACING_MM, second="collapsed-cone")
    stop = StopWish(iterations_most=2, change_least=1e-3)
    how = msgspec.structs.replace(wish.optimisation, fluence=stop, apertures=stop, levels=2, rounds=1)
    return msgspec.structs.replace(wish, fields=wish.fields[:2], computation=computation, optimisation=how)


if __name__ == "__main__":
    main()
