"""Body, lungs and bone by thresholds: simple enough that a reader can say why each voxel is inside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tianfu.apps.radiotherapy.model.contouring.bodies import body_of
from tianfu.apps.radiotherapy.model.contouring.bones import bone_of
from tianfu.apps.radiotherapy.model.contouring.levels import AIR_HU, AIR_SHARE, TISSUE_HU, TISSUE_SHARE, Levels
from tianfu.apps.radiotherapy.model.contouring.lungs import lungs_of
from tianfu.apps.radiotherapy.model.contouring.orders import PatientOrder, patient_order
from tianfu.apps.radiotherapy.model.contouring.providers import (
    EXTERNAL,
    ORGAN,
    Drawn,
    Hounsfield,
    NotDrawn,
    OnProgress,
    Outcome,
    mask_from,
)
from tianfu.apps.radiotherapy.model.scanlines import Bools
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.findings import Finding, found

NAMES = ("Body", "Lung_L", "Lung_R", "Lungs", "Bone")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Draws by thresholds in Hounsfield units; has no measure of how sure it is."""

    levels: Levels
    id: str = "tianfu-rules"
    version: str = "1"
    names: tuple[str, ...] = NAMES

    def contour(self, ct: Hounsfield, *, on_progress: OnProgress) -> tuple[Outcome, ...]:
        """Body, lungs and bone; raises Refusal `contouring-no-air` or `contouring-no-tissue`."""
        refuse_other_units(ct)
        order = patient_order(ct.grid)
        values = order.turned(ct.values)
        on_progress("Body", 0, 3)
        body, body_reasons = body_of(values, order, self.levels)
        cut = tuple(each for each in body_reasons if each.code == "body-truncated")
        on_progress("Lungs", 1, 3)
        lungs = lungs_of(values, body, order, self.levels)
        on_progress("Bone", 2, 3)
        bone, bone_reasons = bone_of(values, body, order, self.levels)
        on_progress("Bone", 3, 3)
        sides = {"Lung_L": lungs.left, "Lung_R": lungs.right, "Lungs": lungs.together}
        return (
            _outcome("Body", body, order, body_reasons),
            *(_outcome(name, side, order, (*lungs.reasons, *cut)) for name, side in sides.items()),
            _outcome("Bone", bone, order, (*bone_reasons, *cut)),
        )


def refuse_other_units(ct: Hounsfield) -> None:
    """Raises Refusal for values that are no Hounsfield units of somebody with air around."""
    low, high = TISSUE_HU
    air = np.count_nonzero(ct.values < AIR_HU) / ct.values.size
    if air < AIR_SHARE:
        raise Refusal("contouring-no-air", details={"percent": f"{100 * air:.2f}"})
    tissue = np.count_nonzero((ct.values > low) & (ct.values < high)) / ct.values.size
    if tissue < TISSUE_SHARE:
        raise Refusal("contouring-no-tissue", details={"percent": f"{100 * tissue:.2f}"})


def _outcome(name: str, inside: Bools | None, order: PatientOrder, reasons: tuple[Finding, ...]) -> Outcome:
    if inside is None or not inside.any():
        return NotDrawn(name=name, confidence=None, reasons=reasons or (found("nothing-found"),))
    kind = EXTERNAL if name == "Body" else ORGAN
    return Drawn(name=name, kind=kind, mask=mask_from(order.back(inside)), confidence=None, reasons=reasons)
