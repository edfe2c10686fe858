"""pyRadPlan's doses and fluences, run by its own Python: `python radiotherapy_plan_peer.py dose|influence|fluence ...`.

What it computes on is handed over as an array file, so that densities, beamlets and objectives are the same as ours;
`influence` alone takes the phantom as pyRadPlan ships it.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

SOURCE_MM = 1000.0
ENERGY_MV = 6.0
ITERATIONS_MOST = 150
SOLVER_SECONDS_MOST = 120.0
"""Of a processor, where a solver knows such a limit: IPOPT goes on for thousands of tries where it has come to rest."""


def main(task: str, *files: str) -> None:
    """Do one task and print what it measured."""
    os.environ["TQDM_DISABLE"] = "1"
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    tasks: dict[str, Callable[..., Any]] = {"dose": _dose, "influence": _influence, "fluence": _fluence}
    print(json.dumps(tasks[task](*files)))


def _dose(given: str, answer: str) -> Any:
    """Write the dose of weighted beamlets, or of a field's shape, in each voxel of the grid."""
    peer = importlib.import_module("pyRadPlan")
    case = np.load(given)
    image = _image(case["density"], case)
    ct = peer.validate_ct(cube_hu=image)
    cst = _structures(ct, {"BODY": case["compared"]}, {})
    is_shape = "shape" in case
    beams = [
        _beam(case, angle, _shapes(case) if is_shape else _squares(case["at_mm"][case["field"] == number]))
        for number, angle in enumerate(case["gantry_degrees"])
    ]
    plan = peer.PhotonPlan(machine="Generic")
    plan.prop_dose_calc = {
        "engine": "SVDPB",
        "dose_grid": ct.grid,
        "use_given_eq_density_cube": True,
        "geometric_lateral_cutoff": float(case["cut_off_mm"]),
        "trace_on_dose_grid": True,
        "ignore_outside_densities": False,
    }
    began = time.perf_counter()
    found = peer.calc_dose_forward(ct, cst, {"beams": beams}, plan, case["weights"].astype(np.float64))
    seconds = time.perf_counter() - began
    np.save(answer, np.asarray(_array(found["physical_dose"]), np.float32))
    return {"seconds": seconds}


def _influence(given: str) -> Any:
    """Seconds and memory of TG-119's C-shape under nine fields, on the CT's own grid; rays are in the time."""
    peer = importlib.import_module("pyRadPlan")
    ct, cst = peer.load_tg119()
    plan = peer.PhotonPlan(machine="Generic")
    plan.prop_stf = {
        "gantry_angles": [float(each) for each in np.arange(0, 360, 40)],
        "couch_angles": [0.0] * 9,
        "bixel_width": float(given),
    }
    plan.prop_dose_calc = {"dose_grid": ct.grid}
    began = time.perf_counter()
    stf = peer.generate_stf(ct, cst, plan)
    rays = time.perf_counter() - began
    found = peer.calc_dose_influence(ct, cst, stf, plan)
    matrix = found.physical_dose.flat[0]
    return {
        "seconds": time.perf_counter() - began,
        "ray_seconds": rays,
        "beamlets": matrix.shape[1],
        "nonzeros": int(matrix.nnz),
        "memory_mb": sum(each.nbytes for each in (matrix.data, matrix.indices, matrix.indptr)) / 1e6,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
    }


def _fluence(given: str, answer: str, solver: str) -> Any:
    """Write the weights; values of the objective as they were evaluated, and seconds since the first of them.

    Voxels stand in one row: those of no objective are left out.
    """
    peer = importlib.import_module("pyRadPlan")
    case = np.load(given)
    scipy = importlib.import_module("scipy.sparse")
    matrix = scipy.csr_array((case["values"], case["columns"], case["rows"])).tocsc()
    line = {"origin": np.zeros(3), "spacing": np.ones(3)}
    ct = peer.validate_ct(cube_hu=_image(np.zeros((1, 1, matrix.shape[0]), np.float32), line))
    masks, wishes = _wishes(case, matrix.shape[0])
    cst = _structures(ct, masks, wishes)
    field = {"gantry_angle": 0.0, "radiation_mode": "photons", "sad": SOURCE_MM, "iso_center": np.zeros(3)}
    ray = {"ray_pos_bev": np.zeros(3), "ray_pos": np.zeros(3), "beamlets": [{"energy": ENERGY_MV}]}
    dij = importlib.import_module("pyRadPlan.dij").validate_dij(
        dose_grid=ct.grid,
        ct_grid=ct.grid,
        physical_dose=matrix,
        num_of_beams=1,
        **{name: np.arange(matrix.shape[1]) for name in ("bixel_num", "ray_num")},
        beam_num=np.zeros(matrix.shape[1]),
    )
    plan = peer.PhotonPlan(
        machine="Generic", prop_opt={"solver": solver, "max_iter": ITERATIONS_MOST, "display": False}
    )
    problem = importlib.import_module("pyRadPlan.optimization.problems").get_problem_from_pln(plan)
    problem.obj_history = history = _Clocked()
    weights, _ = problem.solve(ct, cst, {"beams": [field | {"rays": [ray]}]}, dij)
    np.save(answer, np.asarray(weights, np.float64))
    return {"seconds": history.seconds, "objectives": list(history)}


class _Clocked(list[float]):
    """Numbers, and when each was added."""

    def __init__(self) -> None:
        super().__init__()
        self.at: list[float] = []

    def append(self, value: float) -> None:
        super().append(value)
        self.at.append(time.perf_counter())

    @property
    def seconds(self) -> list[float]:
        return [each - self.at[0] for each in self.at]


def _wishes(case: Any, count: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Masks and objectives by structure; pyRadPlan's too are weights of a mean over the structure."""
    objectives = importlib.import_module("pyRadPlan.optimization.objectives")
    masks, wishes = {}, {}
    for name in sorted(set(case["structures"])):
        masks[str(name)] = np.isin(np.arange(count), case[f"rows of {name}"]).reshape(1, 1, count)
        wishes[str(name)] = [
            objectives.get_objective(
                {"name": "Squared Overdosing", "d_max": gray, "priority": weight}
                if is_most
                else {"name": "Squared Underdosing", "d_min": gray, "priority": weight}
            )
            for each, is_most, gray, weight in zip(
                case["structures"], case["is_most"], case["gray"], case["weights"], strict=True
            )
            if each == name
        ]
    return masks, wishes


def _image(values: Any, case: Any) -> Any:
    sitk = importlib.import_module("SimpleITK")
    image = sitk.GetImageFromArray(values)
    image.SetOrigin([float(each) for each in case["origin"]])
    image.SetSpacing([float(each) for each in case["spacing"]])
    return image


def _array(image: Any) -> Any:
    return importlib.import_module("SimpleITK").GetArrayFromImage(image)


def _structures(ct: Any, masks: dict[str, Any], objectives: dict[str, Any]) -> Any:
    """The first is the patient's outline where no other is one."""
    voi_of = importlib.import_module("pyRadPlan.cst").create_voi
    grid = ct.grid
    kinds = {"BODY": "EXTERNAL", "OuterTarget": "TARGET"}
    vois = [
        voi_of(
            name=name,
            grid=grid,
            mask=mask.astype(np.uint8),
            voi_type=kinds.get(name, "OAR"),
            objectives=objectives.get(name, []),
        )
        for name, mask in masks.items()
    ]
    return importlib.import_module("pyRadPlan").validate_cst(vois, ct=ct)


def _beam(case: Any, gantry_degrees: float, rays: list[Any]) -> Any:
    geometry = importlib.import_module("pyRadPlan.geometry")
    turn = geometry.get_beam_rotation_matrix(float(gantry_degrees), 0.0)
    source = np.array([0.0, -SOURCE_MM, 0.0])
    return {
        "gantry_angle": float(gantry_degrees),
        "couch_angle": 0.0,
        "bixel_width": float(case["size_mm"]),
        "radiation_mode": "photons",
        "machine": "Generic",
        "sad": SOURCE_MM,
        "iso_center": case["isocentre"],
        "source_point_bev": source,
        "source_point": turn @ source,
        "rays": [
            {
                "ray_pos_bev": place,
                "ray_pos": turn @ place,
                "target_point_bev": 2 * place - source,
                "target_point": turn @ (2 * place - source),
                "beamlets": [beamlet],
            }
            for place, beamlet in rays
        ],
    }


def _squares(at_mm: Any) -> list[Any]:
    """pyRadPlan's beam's eye has x as ours and z where ours has y."""
    return [(np.array([x, 0.0, y]), {"energy": ENERGY_MV}) for x, y in at_mm]


def _shapes(case: Any) -> list[Any]:
    shape = importlib.import_module("pyRadPlan.stf").FieldShapeAsMask
    mask = shape(energy=ENERGY_MV, mask=case["shape"], resolution=float(case["cell_mm"]))
    return [(np.zeros(3), mask)]


if __name__ == "__main__":
    main(*sys.argv[1:])
