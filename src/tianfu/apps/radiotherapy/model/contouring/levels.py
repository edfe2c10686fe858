"""The numbers by which rules draw, each with how it is known; a physicist may give others."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Levels:
    """Thresholds in Hounsfield units, sizes in millimetres, square millimetres and millilitres.

    `body_hu` lies between air and fat.  A couch's shell is thinner than twice `couch_shell_mm`; a solid one is found as
    a wide end of the body's back, at most `couch_mm` thick, behind a neck of at most `neck_share` of its width.
    Lung is air inside the body below `lung_hu` in parts of at least `lung_ml` whose mean is above `gas_hu`; parts below
    `gas_hu` of at most `airway_ml` are taken for airways, with their wall of `airway_wall_mm`.  Vessels up to twice
    `vessel_mm` wide belong to the lung.  Bone is above `bone_hu` where it reaches `hard_bone_hu`, in parts of at least
    `bone_ml`; what it encloses in a slice belongs to it if it is at most `spongy_mm2` large and on average denser than
    `spongy_hu`, or at most `marrow_mm2` large.  Above `metal_hu` is metal.
    """

    mark: str
    body_hu: float
    couch_shell_mm: float
    couch_mm: float
    neck_share: float
    lung_hu: float
    lung_ml: float
    gas_hu: float
    airway_ml: float
    airway_wall_mm: float
    vessel_mm: float
    bone_hu: float
    hard_bone_hu: float
    bone_ml: float
    spongy_hu: float
    spongy_mm2: float
    marrow_mm2: float
    metal_hu: float


ADULT = Levels(
    mark="[ours]: round numbers between what the tissues have, tried on made bodies only; not commissioned",
    body_hu=-250.0,
    couch_shell_mm=3.0,
    couch_mm=80.0,
    neck_share=0.6,
    lung_hu=-400.0,
    lung_ml=150.0,
    gas_hu=-940.0,
    airway_ml=150.0,
    airway_wall_mm=2.0,
    vessel_mm=3.0,
    bone_hu=150.0,
    hard_bone_hu=250.0,
    bone_ml=1.0,
    spongy_hu=60.0,
    spongy_mm2=2500.0,
    marrow_mm2=120.0,
    metal_hu=2500.0,
)
"""For an adult's planning CT of 1 to 3 mm, without much contrast medium."""

PADDING_HU = -1500.0
"""Below is no air but what a scanner writes outside of its round field of view. [ours]"""

AIR_HU = -500.0
TISSUE_HU = (-250.0, 250.0)
AIR_SHARE, TISSUE_SHARE = 0.001, 0.01
"""Less of either, and the numbers are no Hounsfield units or the image shows no patient with air around. [ours]"""
