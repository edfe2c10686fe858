"""What a physicist measured on a machine, read strictly, and what the machine's model gives for the same.

What can be computed here is computed and never taken from whoever measured; the rest has to be said, and is marked so.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec

from tianfu.apps.radiotherapy.model.machines.machines import (
    Commissioning,
    Kind,
    Machine,
    Mark,
    Measurement,
    Modelling,
    Use,
)
from tianfu.apps.radiotherapy.model.machines.modelling import MEANS, refuse_unless_set_up
from tianfu.apps.radiotherapy.model.machines.reading import refuse_unless_machine
from tianfu.apps.radiotherapy.model.machines.typed import read_typed
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal

SCHEMA = 1
BYTES_MOST = 1_000_000
MEASUREMENTS_MOST = 500
NOT_UNDERSTOOD = "measurements-not-understood"


class Taken(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A measurement as it is typed: `set_up` in millimetres, `modelled` only where nothing here computes it."""

    kind: Kind
    what: str
    unit: str
    measured: float
    tolerance: float
    mark: Mark
    set_up: dict[str, float]
    modelled: float | msgspec.UnsetType = msgspec.UNSET


class _Written(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    schema: int
    measurements: tuple[Taken, ...]


def read_measurements(data: bytes) -> tuple[Taken, ...]:
    """What was measured; raises Refusal `measurements-not-understood` with the problem."""
    written = read_typed(data, _Written, bytes_most=BYTES_MOST, code=NOT_UNDERSTOOD)
    if written.schema != SCHEMA:
        raise Refusal(NOT_UNDERSTOOD, details={"problem": f"schema {written.schema}"})
    if not 0 < len(written.measurements) <= MEASUREMENTS_MOST:
        raise Refusal(NOT_UNDERSTOOD, details={"problem": f"{len(written.measurements)} measurements"})
    for each in written.measurements:
        is_shown = each.what.isprintable() and each.unit.isprintable() and each.what.strip() and each.unit.strip()
        if not is_shown or not each.tolerance > 0:
            raise Refusal(NOT_UNDERSTOOD, details={"problem": f"{each.kind}: what, unit or tolerance"})
    return written.measurements


def commissioned(
    machine: Machine, taken: tuple[Taken, ...], *, version: int, purpose: Use, by: str, at: Instant
) -> Machine:
    """The next version of a machine with what was measured on it; it is not said that model and machine agree.

    Raises Refusal `machine-version-not-newer`, those of `measurement_of`, or those of `refuse_unless_machine`.
    """
    if version <= machine.version:
        raise Refusal("machine-version-not-newer", details=machine.named)
    measurements = tuple(measurement_of(machine, each) for each in taken)
    commissioning = Commissioning(by=by, at=at, measurements=measurements)
    new = replace(machine, version=version, purpose=purpose, commissioning=commissioning)
    refuse_unless_machine(new)
    return new


def measurement_of(machine: Machine, taken: Taken) -> Measurement:
    """A measurement beside what the model gives.

    Raises Refusal, with what: `measurement-modelled-said` for what is computed here, `measurement-modelled-unsaid` for
    what is not, `measurement-of-another-unit`, `measurement-set-up-not-fit` or `surface-beyond-kernels`.
    """
    means = MEANS.get(taken.kind)
    is_said = not isinstance(taken.modelled, msgspec.UnsetType)
    if means is not None and is_said:
        raise Refusal("measurement-modelled-said", details={"what": taken.what})
    if means is None:
        if isinstance(taken.modelled, msgspec.UnsetType):
            raise Refusal("measurement-modelled-unsaid", details={"what": taken.what})
        refuse_unless_set_up(taken.what, taken.set_up, ())
        return _measurement(taken, taken.modelled, "said")
    if taken.unit != means.unit:
        raise Refusal("measurement-of-another-unit", details={"what": taken.what, "unit": means.unit})
    refuse_unless_set_up(taken.what, taken.set_up, means.needed)
    return _measurement(taken, means.number(machine, taken.set_up), "computed")


def _measurement(taken: Taken, modelled: float, modelled_by: Modelling) -> Measurement:
    return Measurement(
        kind=taken.kind,
        what=taken.what,
        set_up=taken.set_up,
        unit=taken.unit,
        modelled=modelled,
        modelled_by=modelled_by,
        measured=taken.measured,
        tolerance=taken.tolerance,
        mark=taken.mark,
    )
