"""Indices of a plan: how close the prescribed dose keeps to the target, how even it is, how fast it falls.

All are made of doses and volumes that the histograms of target and body tell; the body is all that was dosed.
"""

from __future__ import annotations

import numpy as np

from tianfu.apps.radiotherapy.model.dvh import Dvh
from tianfu.apps.radiotherapy.model.dvh_figures import dose_at_percent, volume_at_dose_cc
from tianfu.kernel.refusal import Refusal


def conformity_rtog(body: Dvh, *, target_cc: float, prescription_gy: float) -> float:
    """RTOG's conformity index: the prescribed isodose's volume over the target's (Shaw et al. 1993 [memory])."""
    return volume_at_dose_cc(body, prescription_gy) / _positive(target_cc)


def conformity_paddick(body: Dvh, target: Dvh, *, prescription_gy: float) -> float:
    """Paddick's: (target in the isodose)² / (target · isodose) (doi 10.3171/jns.2000.93.supplement_3.0219).

    0 if no volume gets the prescribed dose.
    """
    isodose = volume_at_dose_cc(body, prescription_gy)
    covered = volume_at_dose_cc(target, prescription_gy)
    return covered**2 / (_positive(target.volume_cc) * isodose) if isodose > 0 else 0.0


def homogeneity_icru83(target: Dvh) -> float:
    """ICRU report 83: (D2% - D98%) / D50%, 0 for an even dose (doi 10.1093/jicru/10.1.Report83)."""
    return (dose_at_percent(target, 2) - dose_at_percent(target, 98)) / _positive(dose_at_percent(target, 50))


def homogeneity_d5_d95(target: Dvh) -> float:
    """D5% / D95%, 1 for an even dose."""
    return dose_at_percent(target, 5) / _positive(dose_at_percent(target, 95))


def gradient_index(body: Dvh, *, prescription_gy: float) -> float:
    """The half isodose's volume over the prescribed one's (Paddick and Lippitz, J Neurosurg 2006 [memory])."""
    return volume_at_dose_cc(body, prescription_gy / 2) / _positive(volume_at_dose_cc(body, prescription_gy))


def r50(body: Dvh, *, target_cc: float, prescription_gy: float) -> float:
    """R50%: the half isodose's volume over the target's (RTOG 0813 and 0915 [memory])."""
    return volume_at_dose_cc(body, prescription_gy / 2) / _positive(target_cc)


def radius_of_sphere_mm(volume_cc: float) -> float:
    """The radius of a sphere of a volume; fall-off distances are differences of such radii."""
    return float(np.cbrt(3000 * volume_cc / (4 * np.pi)))


def _positive(value: float) -> float:
    if not value > 0:
        raise Refusal("index-without-base")
    return value
