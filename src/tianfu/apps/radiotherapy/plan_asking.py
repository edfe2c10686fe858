"""Ask for a plan: everything that can be known at once is refused before a work is queued.

Loads what computes: import it where somebody asks, not where the house starts.  Not cleared for clinical use.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tianfu.apps.radiotherapy.code_version import code_version
from tianfu.apps.radiotherapy.density_tables import refuse_taken_name
from tianfu.apps.radiotherapy.machine_files import Endorsed
from tianfu.apps.radiotherapy.model.machines.machines import Machine
from tianfu.apps.radiotherapy.model.machines.reading import read_machine
from tianfu.apps.radiotherapy.model.machines.uses import refuse_unless_for_its_purpose
from tianfu.apps.radiotherapy.model.machines.writing import fingerprint_of
from tianfu.apps.radiotherapy.model.planning.engines import refuse_unless_engine
from tianfu.apps.radiotherapy.model.planning.steps import refuse_other_machine
from tianfu.apps.radiotherapy.model.planning.templates import plan_wish_from
from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish
from tianfu.apps.radiotherapy.model.protocols import Protocol
from tianfu.apps.radiotherapy.model.transport.density_reading import read_density_table
from tianfu.apps.radiotherapy.model.transport.density_tables import (
    DensityTable,
    fingerprint_of_table,
    refuse_other_table,
    write_density_table,
)
from tianfu.apps.radiotherapy.queries.planning import chosen_of, ground_of
from tianfu.apps.radiotherapy.wishes import PLAN, documents_of
from tianfu.services.documents.keeping import Documents
from tianfu.services.imaging.cases import KeptCase, KeptObject
from tianfu.services.jobs.works import Wish
from tianfu.standards.dicom.cases import Case


@dataclass(frozen=True, kw_only=True)
class PlanChoice:
    """What somebody chose; nothing here is chosen for him.

    `machine` is a machine file with what lies beside it, `density_table` the bytes of a density table's file.
    `structure_set` is a SOP Instance UID, `images` a Series Instance UID; each may be None where the case has but one.
    `protocol` are goals to judge by, None for none.
    """

    wish: PlanWish
    machine: Endorsed
    density_table: bytes
    structure_set: str | None
    images: str | None
    protocol: Protocol | None


async def plan_wish(
    documents: Documents, case: KeptCase, objects: Sequence[KeptObject], read: Case, choice: PlanChoice
) -> Wish:
    """The wish for a plan of a kept case, to be handed to `Works.ask`.

    `read` is the case as it was read from `objects`.  Keeps the bytes of machine and density table as documents.
    Raises Refusal as `refuse_unless_plannable` does.
    """
    machine, table = await asyncio.to_thread(refuse_unless_plannable, read, choice)
    inputs = documents_of(objects)
    chosen = chosen_of(read, structure_set=choice.structure_set, images=choice.images)
    document = await documents.keep(choice.machine.content)
    table_document = await documents.keep(write_density_table(table))
    return Wish(
        kind=PLAN,
        queue="heavy",
        about=case.id,
        organisation=case.organisation,
        arguments={
            "case": case.id,
            "organisation": case.organisation,
            "inputs": list(inputs),
            "reads": list(_needed(chosen, objects)),
            "wish": msgspec.json.encode(choice.wish).decode(),
            "machine": document,
            "machine_fingerprint": fingerprint_of(machine),
            **_endorsement_of(machine, choice.machine),
            "density_table": table_document,
            "density_table_fingerprint": fingerprint_of_table(table),
            # The only one is told by its name, too: whoever named it asks for the same plan.
            "structure_set": chosen.structure_sets[0].instance,
            "images": chosen.images[0].header.series.uid,
            "protocol": "" if choice.protocol is None else msgspec.json.encode(choice.protocol).decode(),
        },
        inputs=(*inputs, document, table_document),
        version=code_version(),
    )


def _needed(chosen: Case, objects: Sequence[KeptObject]) -> tuple[str, ...]:
    """The documents that a plan is made from: slices of the chosen images, and the chosen structures."""
    instances = {instance for series in chosen.images for instance in series.instances}
    instances |= {one.instance for one in chosen.structure_sets}
    return documents_of([each for each in objects if each.instance in instances])


def refuse_unless_plannable(read: Case, choice: PlanChoice) -> tuple[Machine, DensityTable]:
    """The machine and the density table of the choice, if a plan can be begun on them.

    Raises Refusal those of `plan_wish_from` and `usable_machine`; `plan-machine-differs`,
    `plan-angle-beyond-machine`, `plan-dose-rate-not-of-machine`, `cone-kernels-do-not-fit`; those of
    `read_density_table`, `density-table-differs`, `density-table-name-taken`;
    `case-without-images`, `images-unclear`, `images-not-there`, `case-without-structures`, `structures-unclear`,
    `structures-not-there`, `frames-differ`, `plan-position-not-supported`; `plan-structure-missing`,
    `plan-structure-unclear`, `structure-empty`, `structures-unreviewed`.
    """
    # A wish that was changed by hand is read as strictly as one that was written.
    wish = plan_wish_from(msgspec.json.encode(choice.wish))
    machine = usable_machine(choice.machine)
    refuse_other_machine(wish, machine)
    if wish.computation.second is not None:
        refuse_unless_engine(wish.computation.second, machine)
    table, named = read_density_table(choice.density_table), wish.computation.density_table
    refuse_other_table(table, name=named.name, version=named.version)
    refuse_taken_name(table)
    ground_of(chosen_of(read, structure_set=choice.structure_set, images=choice.images), wish)
    return machine, table


def usable_machine(endorsed: Endorsed) -> Machine:
    """The machine of a file, if it may be used for what it says it is for.

    Raises Refusal those of `read_machine` and `refuse_unless_for_its_purpose`.
    """
    machine = read_machine(endorsed.content)
    refuse_unless_for_its_purpose(machine, signatures=endorsed.signatures, signatories=endorsed.signatories)
    return machine


def _endorsement_of(machine: Machine, endorsed: Endorsed) -> dict[str, Any]:
    """What whoever makes the plan judges the machine by once more; a machine for demonstrations needs none of it."""
    if machine.purpose == "demonstration":
        return {"machine_signatures": [], "signatories": None}
    return {
        "machine_signatures": [each.decode() for each in endorsed.signatures],
        "signatories": None if endorsed.signatories is None else endorsed.signatories.decode(),
    }
