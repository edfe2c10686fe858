"""What commands say of a machine: its figures, what was measured on it, and who answers for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table

from tianfu.commands_radiotherapy.speaking import language, moment, said, say
from tianfu.kernel.refusal import Refusal
from tianfu.terminal import err, out

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.model.machines.machines import Commissioning, Figure, Machine, Measurement
    from tianfu.apps.radiotherapy.model.machines.standing import SeenSignature, Standing

DIGITS = 6
"""Of a measurement, significant ones: more than any detector has. [ours]"""


def machine_told(machine: Machine) -> dict[str, Any]:
    """A machine without its tables, as JSON."""
    from tianfu.apps.radiotherapy.model.machines.writing import fingerprint_of

    commissioning = machine.commissioning
    return {
        "notice": say("notice"),
        "cleared_for_clinical_use": False,
        "name": machine.name,
        "version": machine.version,
        "model": machine.model,
        "purpose": machine.purpose,
        "machine_notice": machine.notice,
        "fingerprint": fingerprint_of(machine),
        "figures": [{"element": each.element, "mark": each.mark, "source": each.source} for each in machine.figures],
        "commissioning": None if commissioning is None else _commissioning_told(commissioning),
    }


def standing_told(standing: Standing | None) -> dict[str, Any]:
    """How a machine stands, as JSON; None where no signature lies beside it."""
    if standing is None:
        return {"approval": None, "lacking": "machine-not-signed", "signatures": []}
    approval = standing.approval
    return {
        "approval": None
        if approval is None
        else {
            "physicist": approval.physicist,
            "approver": approval.approver,
            "approved_at": _instant(approval.approved_at),
        },
        "lacking": _code(standing.lacking),
        "signatures": [_signature_told(each) for each in standing.signatures],
    }


def show_machine(machine: Machine) -> None:
    """A machine in lines and tables; lines are never cut, so that a fingerprint can be compared."""
    from tianfu.apps.radiotherapy.model.machines.writing import fingerprint_of

    rows = {
        "machine": f"{machine.name} · {say('plan-version', version=machine.version)}",
        "machine-model": machine.model,
        "machine-purpose": say(f"machine-purpose-{machine.purpose}"),
        "machine-notice": machine.notice.get(language().tag, ""),
        "plan-machine-file": fingerprint_of(machine),
    }
    for key, value in rows.items():
        out.print(f"{say(key)}{language().say('format.colon')}{_plain(value)}", markup=False)
    _show_figures(machine.figures)
    show_commissioning(machine.commissioning)


def show_commissioning(commissioning: Commissioning | None) -> None:
    """What was measured on a machine beside what the model gives."""
    if commissioning is None:
        out.print(say("machine-uncommissioned"), markup=False)
        return
    by = say("machine-commissioned", by=_plain(commissioning.by), at=moment(commissioning.at))
    out.print(by, markup=False)
    titles = ("kind", "measurement", "modelled", "modelled-by", "measured", "tolerance", "unit", "known", "agrees")
    table = Table(*(say(f"machine-{each}") for each in titles))
    for each in commissioning.measurements:
        table.add_row(*_row_of(each))
    out.print(table, markup=False)


def tell_standing(standing: Standing | None) -> None:
    """Who answers for a machine, and that it clears nothing; beside the answer."""
    for line in standing_lines(standing):
        err.print(line, style="bold yellow", markup=False)


def standing_lines(standing: Standing | None) -> list[str]:
    """Who answers for a machine in sentences, with what is wrong with each signature beside it."""
    if standing is None:
        return [say("machine-unsigned")]
    if standing.approval is not None:
        approval = standing.approval
        told = {"physicist": _plain(approval.physicist), "approver": _plain(approval.approver)}
        return [say("machine-approved", **told, at=moment(approval.approved_at)), say("machine-clears-nothing")]
    return [say("machine-not-approved"), *(f"! {refusal_said(each)}" for each in standing.problems)]


def show_signatures(signatures: Sequence[SeenSignature]) -> None:
    """Each signature beside a machine and whether it is genuine."""
    if not signatures:
        return
    table = Table(*(say(f"machine-{each}") for each in ("signer", "role", "signed-at", "genuine")))
    for each in signatures:
        genuine = say("machine-is-genuine") if each.fault is None else refusal_said(each.fault)
        signature = each.signature
        signer = ("–", "–", "–")
        if signature is not None:
            signer = (_plain(signature.signer), say(f"machine-role-{signature.role}"), moment(signature.at))
        table.add_row(*signer, genuine)
    out.print(table, markup=False)


def refusal_said(refusal: Refusal) -> str:
    """A refusal in one sentence with its code."""
    return f"{_plain(said(refusal.code, refusal.details))} ({refusal.code})"


def _show_figures(figures: Sequence[Figure]) -> None:
    table = Table(*(say(f"machine-{each}") for each in ("element", "known", "source")))
    for each in figures:
        table.add_row(_plain(each.element), say(f"mark-{each.mark}"), _plain(each.source))
    out.print(table, markup=False)


def _row_of(each: Measurement) -> tuple[str, ...]:
    numbers = [f"{number:.{DIGITS}g}" for number in (each.modelled, each.measured, each.tolerance)]
    return (
        say(f"machine-kind-{each.kind}"),
        _plain(", ".join([each.what, *(f"{name} {value:g}" for name, value in sorted(each.set_up.items()))])),
        numbers[0],
        say(f"machine-modelled-by-{each.modelled_by}"),
        *numbers[1:],
        _plain(each.unit),
        say(f"mark-{each.mark}"),
        say("machine-within" if each.is_within else "machine-not-within"),
    )


def _commissioning_told(commissioning: Commissioning) -> dict[str, Any]:
    return {
        "by": commissioning.by,
        "at": _instant(commissioning.at),
        "measurements": [{**vars(each), "is_within": each.is_within} for each in commissioning.measurements],
    }


def _signature_told(seen: SeenSignature) -> dict[str, Any]:
    signature = seen.signature
    told = {"signer": None, "role": None, "at": None, "is_genuine": seen.fault is None, "fault": _code(seen.fault)}
    if signature is None:
        return told
    return {**told, "signer": signature.signer, "role": signature.role, "at": _instant(signature.at)}


def _code(refusal: Refusal | None) -> str | None:
    return None if refusal is None else refusal.code


def _instant(instant: int) -> str:
    from tianfu.kernel.instants import to_fhir_instant

    return to_fhir_instant(instant)


def _plain(text: str) -> str:
    from tianfu.apps.radiotherapy.model.machines.typed import plain

    return plain(text)
