"""Contours of others laid over a CT: every atlas is fitted, they vote, and how far they agree is the confidence.

Where atlases disagree nobody can say which is right: below the agreement that was asked for nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from tianfu.apps.radiotherapy.model.contouring.levels import Levels
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
from tianfu.apps.radiotherapy.model.contouring.registration import (
    Prepared,
    fitted,
    image_of,
    prepared,
    sitk,
    warped,
)
from tianfu.apps.radiotherapy.model.contouring.rules import refuse_other_units
from tianfu.apps.radiotherapy.model.contouring.windows import Singles
from tianfu.apps.radiotherapy.model.masks import Mask
from tianfu.apps.radiotherapy.model.similarity import overlap_of_masks
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.findings import Finding, found

ATLASES_LEAST = 2
WORKING_MM = (1.0, 6.0)
BODY_DICE_MIN = 0.85
"""An atlas whose body, once fitted, overlaps the patient's less is of another region or pose. [ours]"""


@dataclass(frozen=True, kw_only=True)
class Atlas:
    """Somebody's CT with contours that people stand for, masks on its grid by TG-263's names.

    `origin` says where it comes from, `consent` on what ground it may be used.
    """

    id: str
    ct: Hounsfield
    labels: Mapping[str, Mask]
    origin: str
    consent: str


@dataclass(frozen=True, kw_only=True)
class Atlases:
    """Draws what at least two atlases have, if they agree by `agreement_min`, from 0 to 1, once they are fitted.

    Agreement is the mean Dice of every two warped labels.  `levels` are those by which the body is found.
    """

    atlases: tuple[Atlas, ...]
    working_mm: float
    agreement_min: float
    levels: Levels
    id: str = "tianfu-atlases"
    version: str = "1"

    def __post_init__(self) -> None:
        """Raise Refusal `atlas-needs-two`, `atlas-number-out-of-range`, `atlas-without-origin`, `atlas-no-labels`."""
        if len({atlas.id for atlas in self.atlases}) < max(ATLASES_LEAST, len(self.atlases)):
            raise Refusal("atlas-needs-two", details={"count": str(len({atlas.id for atlas in self.atlases}))})
        _refuse_outside("working-mm", self.working_mm, WORKING_MM)
        _refuse_outside("agreement-min", self.agreement_min, (0.0, 1.0))
        for atlas in self.atlases:
            if not (atlas.origin.strip() and atlas.consent.strip()):
                raise Refusal("atlas-without-origin", details={"atlas": atlas.id})
        if not self.names:
            raise Refusal("atlas-no-labels")

    @property
    def names(self) -> tuple[str, ...]:
        """Every structure that any atlas has."""
        return tuple(sorted({name for atlas in self.atlases for name in atlas.labels}))

    def contour(self, ct: Hounsfield, *, on_progress: OnProgress) -> tuple[Outcome, ...]:
        """One outcome for each structure; raises Refusal as `refuse_other_units`, and `contouring-part-missing`."""
        refuse_other_units(ct)
        patient = prepared(ct, working_mm=self.working_mm, levels=self.levels)
        warps: dict[str, list[Singles]] = {name: [] for name in self.names}
        left_out: list[Finding] = []
        for number, atlas in enumerate(self.atlases):
            on_progress(atlas.id, number, len(self.atlases))
            labels = self._warped_labels(atlas, patient)
            if labels is None:
                left_out.append(found("atlas-not-fitted", atlas=atlas.id))
                continue
            for name, share in labels.items():
                warps[name].append(share)
        on_progress(self.id, len(self.atlases), len(self.atlases))
        return tuple(self._outcome(name, shares, patient, ct, tuple(left_out)) for name, shares in warps.items())

    def _warped_labels(self, atlas: Atlas, patient: Prepared) -> dict[str, Singles] | None:
        """An atlas's labels on the patient's working grid; None if the atlas cannot be fitted."""
        itk = sitk()
        moving = prepared(atlas.ct, working_mm=self.working_mm, levels=self.levels)
        try:
            transform = fitted(patient, moving)
        except RuntimeError:  # what ITK raises where images do not overlap
            return None
        body = warped(moving.body, patient.image, transform) >= 0.5
        if not body.any() or _dice(body, itk.GetArrayFromImage(patient.body) >= 0.5) < BODY_DICE_MIN:
            return None
        return {
            name: warped(image_of(mask.full().astype(np.float32), atlas.ct.grid), patient.image, transform)
            for name, mask in atlas.labels.items()
        }

    def _outcome(
        self, name: str, shares: Sequence[Singles], patient: Prepared, ct: Hounsfield, left_out: tuple[Finding, ...]
    ) -> Outcome:
        if len(shares) < ATLASES_LEAST:
            few = found("atlas-in-few", count=len(shares), of=len(self.atlases))
            return NotDrawn(name=name, confidence=None, reasons=(few, *left_out))
        agreement = agreement_of(shares)
        if agreement < self.agreement_min:
            why = found("atlases-disagree", agreement=f"{agreement:.2f}", least=f"{self.agreement_min:g}")
            return NotDrawn(name=name, confidence=agreement, reasons=(why, *left_out))
        vote = sitk().GetImageFromArray(np.mean(shares, axis=0, dtype=np.float32))
        vote.CopyInformation(patient.image)
        reference = image_of(np.zeros(ct.grid.shape, np.uint8), ct.grid)
        inside = warped(vote, reference, sitk().Transform()) >= 0.5
        if not inside.any():
            return NotDrawn(name=name, confidence=agreement, reasons=(found("nothing-found"), *left_out))
        missing = len(self.atlases) - len(left_out) - len(shares)
        few_have = (found("atlas-in-few", count=len(shares), of=len(self.atlases)),) if missing else ()
        kind = EXTERNAL if name in {"Body", "External"} else ORGAN
        return Drawn(name=name, kind=kind, mask=mask_from(inside), confidence=agreement, reasons=(*few_have, *left_out))


def agreement_of(shares: Sequence[Singles]) -> float:
    """The mean Dice of every two of them; a label that a warp has lost agrees with none."""
    masks = [share >= 0.5 for share in shares]
    return float(np.mean([_dice(one, other) for one, other in combinations(masks, 2)]))


def _dice(one: np.ndarray, other: np.ndarray) -> float:
    return overlap_of_masks(one, other, voxel_mm3=1.0).dice if one.any() and other.any() else 0.0


def _refuse_outside(option: str, value: float, limits: tuple[float, float]) -> None:
    least, most = limits
    if not least <= value <= most:
        details = {"option": option, "value": f"{value:g}", "least": f"{least:g}", "most": f"{most:g}"}
        raise Refusal("atlas-number-out-of-range", details=details)
