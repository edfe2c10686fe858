"""What a full run has more: pyRadPlan 0.5.0 in turns with ours, in an environment of its own, and clinical doses
mimicked: `python -m bench radiotherapy_plan --peers`.

pyRadPlan takes minutes for what we do in seconds, and three patients of OpenKBP take about a minute: not for each run.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.peers import PeerMissingError, asked
from bench.radiotherapy_openkbp import openkbp_keys
from bench.radiotherapy_plan_peers_dose import BEAMLET_MM, PEER, PROGRAM, dose_keys
from bench.radiotherapy_plan_peers_fluence import fluence_keys
from bench.radiotherapy_tg119 import DataMissingError, Phantom
from bench.saying import say
from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.apps.radiotherapy.model.transport.fields import Beamlets
from tianfu.apps.radiotherapy.model.transport.pencil_beam import DoseVoxels, Settings, influence

Result = dict[str, object]

_IN_TURNS = "pyRadPlan works for minutes, in turns with ours"
_MIMICKED = "three patients' doses of beamlets and a search on each"
FULL_ONLY = {
    "dose_vs_peer_gamma_1mm_1pct": _IN_TURNS,
    "dose_vs_peer": _IN_TURNS,
    "peer_influence_seconds": _IN_TURNS,
    "peer_influence_memory_mb": _IN_TURNS,
    "fluence_vs_peer_seconds": _IN_TURNS,
    "openkbp_dose_score": _MIMICKED,
    "openkbp_dvh_score": _MIMICKED,
}
"""Keys that only a run with peers has, with the reason."""


def full_keys(phantom: Phantom, beam: PencilBeam, beamlets: Beamlets, traced: Settings) -> Result:
    """What takes too long for every run: pyRadPlan in turns with ours, and clinical doses mimicked.

    Of what does not run here there is a sentence in `peers_missing`.
    """
    result: Result = {}
    missing: list[str] = []
    wanted = DoseVoxels(grid=phantom.density.grid, voxels=phantom.structures["BODY"])
    measured: tuple[tuple[str, Callable[[], Result]], ...] = (
        ("doses beside pyRadPlan's", lambda: dose_keys(phantom, beam)),
        ("doses of beamlets beside pyRadPlan's", lambda: influence_keys(phantom, beam, beamlets, traced)),
        (
            "fluence beside pyRadPlan's",
            lambda: fluence_keys(phantom, influence(phantom.density, beam, beamlets, wanted, traced)),
        ),
        ("clinical doses mimicked", lambda: openkbp_keys(beam)),
    )
    for what, measure in measured:
        say(what)
        try:
            result |= measure()
        except (PeerMissingError, DataMissingError) as error:
            missing.append(str(error))
    return result | {"peers_missing": missing}


def influence_keys(phantom: Phantom, beam: PencilBeam, beamlets: Beamlets, traced: Settings) -> Result:
    """pyRadPlan's beamlets of TG-119's C-shape, its own rays and as many; ours before and after.

    Raises PeerMissingError.
    """
    wanted = DoseVoxels(grid=phantom.density.grid, voxels=phantom.structures["BODY"])
    before = _seconds(lambda: influence(phantom.density, beam, beamlets, wanted, traced))
    told = asked(PEER, PROGRAM, "influence", str(BEAMLET_MM))
    after = _seconds(lambda: influence(phantom.density, beam, beamlets, wanted, traced))
    return {
        "influence_3mm_seconds_beside_peer": [round(before, 2), round(after, 2)],
        **{f"peer_influence_{key}": round(value, 1) for key, value in told.items()},
    }


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
