"""Where gantry, collimator, couch, jaws and leaves stand at a control point, planned (C.8.8.14) or recorded (C.8.8.21).

An object says only what changed since the control point before; here every control point says everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydicom.dataset import Dataset

from tianfu.standards.dicom.elements import Item, filled

X_JAWS = frozenset({"X", "ASYMX"})
Y_JAWS = frozenset({"Y", "ASYMY"})
LEAVES = frozenset({"MLCX", "MLCY"})


@dataclass(frozen=True, kw_only=True)
class Opening:
    """Positions of one beam limiting device in millimetres at the isocentre: all of the first bank, then the second.

    `device` is the RT Beam Limiting Device Type: X, ASYMX, Y, ASYMY, MLCX, MLCY.
    """

    device: str
    positions_mm: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Stand:
    """The machine's position; angles in degrees of IEC 61217, lengths in millimetres, directions CW, CC or NONE.

    None is what the object never says.
    """

    gantry_degrees: float | None = None
    gantry_direction: str | None = None
    collimator_degrees: float | None = None
    collimator_direction: str | None = None
    couch_degrees: float | None = None
    couch_direction: str | None = None
    eccentric_degrees: float | None = None
    eccentric_direction: str | None = None
    pitch_degrees: float | None = None
    pitch_direction: str | None = None
    roll_degrees: float | None = None
    roll_direction: str | None = None
    table_vertical_mm: float | None = None
    table_longitudinal_mm: float | None = None
    table_lateral_mm: float | None = None
    energy_mv: float | None = None
    openings: tuple[Opening, ...] = ()

    def opening(self, devices: Iterable[str]) -> Opening | None:
        """The opening of the first device among these."""
        wanted = frozenset(devices)
        return next((opening for opening in self.openings if opening.device in wanted), None)


NUMBERS_OF_A_STAND: Mapping[str, str] = {
    "gantry_degrees": "GantryAngle",
    "collimator_degrees": "BeamLimitingDeviceAngle",
    "couch_degrees": "PatientSupportAngle",
    "eccentric_degrees": "TableTopEccentricAngle",
    "pitch_degrees": "TableTopPitchAngle",
    "roll_degrees": "TableTopRollAngle",
    "table_vertical_mm": "TableTopVerticalPosition",
    "table_longitudinal_mm": "TableTopLongitudinalPosition",
    "table_lateral_mm": "TableTopLateralPosition",
    "energy_mv": "NominalBeamEnergy",
}
DIRECTIONS_OF_A_STAND: Mapping[str, str] = {
    "gantry_direction": "GantryRotationDirection",
    "collimator_direction": "BeamLimitingDeviceRotationDirection",
    "couch_direction": "PatientSupportRotationDirection",
    "eccentric_direction": "TableTopEccentricRotationDirection",
    "pitch_direction": "TableTopPitchRotationDirection",
    "roll_direction": "TableTopRollRotationDirection",
}
ANGLE_WITHIN_DEGREES = 0.1
"""How far beyond 0 to 360 degrees an angle may be: machines record tenths. [ours]"""

_TURNS = frozenset({"gantry_degrees", "collimator_degrees", "couch_degrees"})
"""Angles of IEC 61217, which are between 0 and 360 degrees; pitch and roll may be negative."""

_EMPTY_IF_UNSAID = frozenset({"table_vertical_mm", "table_longitudinal_mm", "table_lateral_mm"})
"""Type 2C at the first control point."""


def read_stand(item: Item, before: Stand | None) -> Stand:
    """The stand at a control point; what it does not say is as it was before.

    Raises Refusal `dicom-attribute-invalid` for an angle of gantry, collimator or couch that is none of a circle's.
    """
    previous = before or Stand()
    said: dict[str, object] = {}
    for name, keyword in NUMBERS_OF_A_STAND.items():
        said[name] = _number(item, name, keyword) if item.has(keyword) else getattr(previous, name)
    for name, keyword in DIRECTIONS_OF_A_STAND.items():
        said[name] = item.text(keyword) or getattr(previous, name)
    return Stand(openings=_openings(item, previous.openings), **said)  # type: ignore[arg-type]  # names are those of its fields


def write_stand(stand: Stand, before: Stand | None) -> Dataset:
    """What changed since the control point before; everything at the first one."""
    said: dict[str, object] = {}
    for name, keyword in {**NUMBERS_OF_A_STAND, **DIRECTIONS_OF_A_STAND}.items():
        value = getattr(stand, name)
        if before is None or value != getattr(before, name):
            said[keyword] = "" if value is None and before is None and name in _EMPTY_IF_UNSAID else value
    former = {opening.device: opening for opening in before.openings} if before else {}
    moved = [opening for opening in stand.openings if former.get(opening.device) != opening]
    if moved:
        said["BeamLimitingDevicePositionSequence"] = [
            filled(RTBeamLimitingDeviceType=opening.device, LeafJawPositions=list(opening.positions_mm))
            for opening in moved
        ]
    return filled(**said)


def _number(item: Item, name: str, keyword: str) -> float:
    value = item.number(keyword)
    if name in _TURNS and not -ANGLE_WITHIN_DEGREES <= value <= 360 + ANGLE_WITHIN_DEGREES:
        raise item.invalid(keyword)
    return value


def _openings(item: Item, previous: tuple[Opening, ...]) -> tuple[Opening, ...]:
    now = {opening.device: opening for opening in previous}
    for one in item.items("BeamLimitingDevicePositionSequence"):
        device = one.needed_text("RTBeamLimitingDeviceType")
        positions = one.numbers("LeafJawPositions")
        if len(positions) < 2 or len(positions) % 2:
            raise one.invalid("LeafJawPositions")
        now[device] = Opening(device=device, positions_mm=tuple(positions.tolist()))
    return tuple(now.values())
