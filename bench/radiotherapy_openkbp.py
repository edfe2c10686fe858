"""How near plans of ours come to clinical doses: OpenKBP's patients and scores, `python -m bench.radiotherapy_openkbp`.

Nine equispaced coplanar fields of 6 MV, as the challenge's plans have (Babier et al. 2021, doi 10.1002/mp.14845), with
beamlets of 5 mm on the generic machine.  The fluence is sought that comes nearest to the clinical dose voxel by voxel:
the mean squared difference over all voxels that can get dose, and over each structure again.  It is a fluence and no
deliverable plan.  The patients' scanner has no published table of densities: the phantom's stands in.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from demo.radiotherapy.published import OPENKBP_HU_SHIFT, openkbp_dose, openkbp_voxels
from numpy.typing import NDArray
from scipy import ndimage

from bench.radiotherapy_influence import SETTINGS, beamlets_about
from bench.radiotherapy_openkbp_scores import (
    ORGANS,
    TARGETS,
    Mask,
    Points,
    dose_score_gy,
    dvh_score_gy,
    histogram_points,
)
from bench.radiotherapy_tg119 import FOLDER, TG119_TABLE, DataMissingError, points_of, read_machine
from bench.saying import say
from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.apps.radiotherapy.model.optimisation.fluence import Descent
from tianfu.apps.radiotherapy.model.optimisation.fluence import Settings as Stop
from tianfu.apps.radiotherapy.model.optimisation.fused import Judged
from tianfu.apps.radiotherapy.model.transport.density import density_of, density_within
from tianfu.apps.radiotherapy.model.transport.influence import Influence
from tianfu.apps.radiotherapy.model.transport.pencil_beam import DoseVoxels, influence
from tianfu.apps.radiotherapy.model.transport.products import dose_of, gradient_of
from tianfu.standards.dicom.grids import Floats, Grid, Volume

Result = dict[str, object]

PATIENTS = FOLDER / "openkbp"
STOP = Stop(iterations_most=60, change_least=1e-3, smoothing=0.0)
ELSEWHERE_SHARE, SEED = 0.25, 1
"""Of voxels in no structure. [ours]"""

TISSUE_DENSITY = 0.3
"""The body is the largest connected part that is denser, and what it encloses in each slice: no couch. [ours]"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """A patient of the challenge; `possible` are the voxels that can get dose."""

    density: Volume[np.float32]
    reference: Volume[np.float32]
    possible: Mask
    structures: dict[str, Mask]

    @property
    def grid(self) -> Grid:
        """Of image and dose."""
        return self.reference.grid


def openkbp_keys(beam: PencilBeam, *, patients: tuple[str, ...] | None = None) -> Result:
    """Both scores over these patients, or all that are there; raises DataMissingError without any."""
    folders = [each for each in sorted(PATIENTS.glob("pt_*")) if patients is None or each.name in patients]
    if not folders:
        raise DataMissingError("no patient of OpenKBP is in the shared data folder: nothing is measured")
    began = time.perf_counter()
    doses, pairs = [], []
    for folder in folders:
        say(f"a clinical dose mimicked: {folder.name}")
        score, points, planned = _scored(read_case(folder), beam)
        doses.append(score)
        pairs.append((points, planned))
    return {
        "openkbp_dose_score": round(float(np.mean(doses)), 3),
        "openkbp_dvh_score": round(dvh_score_gy(pairs), 3),
        "openkbp_patients": len(folders),
        "openkbp_dose_scores": [round(score, 3) for score in doses],
        "openkbp_dvh_scores": [round(dvh_score_gy([pair]), 3) for pair in pairs],
        "openkbp_seconds": round(time.perf_counter() - began, 1),
    }


def read_case(folder: Path) -> Case:
    """One patient."""
    reference = openkbp_dose(folder)
    hounsfield = (openkbp_voxels(folder / "ct.csv.gz") - OPENKBP_HU_SHIFT).astype(np.float32)
    density = density_of(Volume(grid=reference.grid, values=hounsfield), TG119_TABLE)
    files = {name: folder / f"{name}.csv.gz" for name in (*TARGETS, *ORGANS)}
    return Case(
        density=density_within(density, _body(density.values)),
        reference=reference,
        possible=openkbp_voxels(folder / "possible_dose_mask.csv.gz") > 0,
        structures={name: openkbp_voxels(file) > 0 for name, file in files.items() if file.exists()},
    )


def mimicked(case: Case, beam: PencilBeam) -> NDArray[np.float32]:
    """The dose in gray of the voxels that can get any, in their order."""
    wanted = DoseVoxels(grid=case.grid, voxels=np.flatnonzero(case.possible).astype(np.int32))
    target = np.logical_or.reduce([case.structures[name] for name in TARGETS if name in case.structures])
    points = points_of(case.grid, np.flatnonzero(target).astype(np.int32))
    beamlets = beamlets_about(points, case.grid, axis_mm=beam.axis_mm)
    weights = _fluence(
        case, drawn_voxels(case), lambda voxels: influence(case.density, beam, beamlets, voxels, SETTINGS)
    )
    return dose_of(influence(case.density, beam, beamlets, wanted, SETTINGS), weights)


def _fluence(case: Case, drawn: Mask, given: Callable[[DoseVoxels], Influence]) -> Floats:
    """The weights whose dose in the drawn voxels is nearest to the reference's."""
    found = given(DoseVoxels(grid=case.grid, voxels=np.flatnonzero(drawn).astype(np.int32)))
    reference, shares = case.reference.values[drawn].astype(np.float64), shares_of(case, drawn)

    def judge(weights: Floats) -> Judged:
        doses = dose_of(found, weights)
        beyond = doses - reference
        return Judged(value=float(shares @ beyond**2), gradient=gradient_of(found, 2 * shares * beyond), doses=doses)

    even = np.ones(found.beamlets.count)
    start = even * (reference.sum() / float(dose_of(found, even).sum(dtype=np.float64)))
    descent = Descent(judge=judge, rows=np.arange(len(reference)), settings=STOP, heard=lambda _: True)
    return descent.from_start(start, low=np.zeros_like(start), high=np.full_like(start, np.inf)).weights


def drawn_voxels(case: Case) -> Mask:
    """The voxels that count while the fluence is sought: all of structures and some of the others, the same each time.

    Doses are scored in all.
    """
    chance = np.random.default_rng(SEED).random(case.possible.shape) < ELSEWHERE_SHARE
    return np.asarray(case.possible & (chance | np.any(list(case.structures.values()), axis=0)))


def shares_of(case: Case, drawn: Mask) -> Floats:
    """How much each voxel's squared difference weighs: once with all, once more with each structure it is in."""
    anywhere = np.any(list(case.structures.values()), axis=0)[drawn]
    shares: Floats = np.where(anywhere, 1.0, 1.0 / ELSEWHERE_SHARE) / case.possible.sum()
    for mask in case.structures.values():
        inside = mask[drawn]
        # Some lie where no dose can be.
        shares += inside / max(int(inside.sum()), 1)
    return shares


def _body(density: NDArray[np.float32]) -> Mask:
    parts, _ = ndimage.label(density > TISSUE_DENSITY)
    sizes = np.bincount(parts.ravel())
    largest = parts == 1 + int(np.argmax(sizes[1:]))
    return np.array([ndimage.binary_fill_holes(each) for each in largest])


def _scored(case: Case, beam: PencilBeam) -> tuple[float, Points, Points]:
    planned = np.zeros(case.grid.shape)
    planned[case.possible] = mimicked(case, beam)
    reference = case.reference.values.astype(np.float64)
    voxel_mm3 = float(case.grid.voxel_mm3)
    return (
        dose_score_gy(reference, planned, case.possible),
        histogram_points(reference, case.structures, voxel_mm3=voxel_mm3),
        histogram_points(planned, case.structures, voxel_mm3=voxel_mm3),
    )


if __name__ == "__main__":
    print(json.dumps(openkbp_keys(read_machine())))
