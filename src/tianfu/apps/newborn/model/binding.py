"""Which camera shows which baby: three codes scanned at the bed within two minutes, and a second person who agrees.

Without a binding that holds no curtain opens.  Knowledge: misidentification was possible on every day of a ward
(doi 10.1542/peds.2005-0291); hence two people, and hence nothing is taken over from yesterday.
Rules: docs/rules/newborn-visits.md .
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal

SCANS_WITHIN = 120 * SECOND
"""From the first scan to the last, and again to the second person's word."""


ASK_THE_WARD = "ask-the-ward"
"""The baby died.  No page of visits breaks that news, so neither does the word: it is kept where families read."""


class Code(Enum):
    """What is scanned."""

    WRISTBAND = "wristband"
    BED = "bed"
    CAMERA = "camera"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One code, read by a person at a moment."""

    code: Code
    value: str
    by: str
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the ward's records say: which baby wears a wristband, lies in a bed, and which camera hangs there.

    `died` are the babies of whom they say so: death is never guessed.
    """

    baby_of_wristband: Mapping[str, str]
    bed_of_baby: Mapping[str, str]
    bed_of_camera: Mapping[str, str]
    died: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """That this camera shows this baby in this bed; `confirmed_by` a second person, or nobody yet."""

    baby: str
    wristband: str
    bed: str
    camera: str
    scanned_by: str
    scanned_at: Instant
    confirmed_by: str | None = None

    @property
    def is_confirmed(self) -> bool:
        """Whether two people say so."""
        return self.confirmed_by not in {None, "", self.scanned_by}


def bound(scans: Sequence[Scan], known: Known, *, now: Instant) -> Binding:
    """What three scans say, if the records say the same.

    Raises Refusal `scan-missing`, `scan-twice` (two values of one code: a second baby may be there), `scans-of-several`
    (people), `scans-too-old`, `wristband-unknown`, `baby-in-another-bed` or `camera-at-another-bed`.
    """
    values = {code: {scan.value for scan in scans if scan.code is code} for code in Code}
    if missing := [code.value for code in Code if not values[code]]:
        raise Refusal("scan-missing", details={"code": missing[0]})
    if twice := [code.value for code in Code if len(values[code]) > 1]:
        raise Refusal("scan-twice", next_step="scan-again", details={"code": twice[0]})
    people = {scan.by for scan in scans}
    if len(people) > 1:
        raise Refusal("scans-of-several", next_step="scan-again")
    times = [scan.at for scan in scans]
    if now - min(times) > SCANS_WITHIN or max(times) > now:
        raise Refusal("scans-too-old", next_step="scan-again")
    (wristband,), (bed,), (camera,) = (values[code] for code in (Code.WRISTBAND, Code.BED, Code.CAMERA))
    baby = known.baby_of_wristband.get(wristband)
    if baby is None:
        raise Refusal("wristband-unknown", next_step="scan-again")
    if known.bed_of_baby.get(baby) != bed:
        raise Refusal("baby-in-another-bed", next_step="scan-again")
    if known.bed_of_camera.get(camera) != bed:
        raise Refusal("camera-at-another-bed", next_step="scan-again")
    return Binding(
        baby=baby, wristband=wristband, bed=bed, camera=camera, scanned_by=people.pop(), scanned_at=max(times)
    )


def confirmed(binding: Binding, *, by: str, now: Instant) -> Binding:
    """The binding with a second person's word; raises Refusal `same-person` or `scans-too-old`."""
    if by == binding.scanned_by:
        raise Refusal("same-person", next_step="ask-a-colleague")
    if not 0 <= now - binding.scanned_at <= SCANS_WITHIN:
        raise Refusal("scans-too-old", next_step="scan-again")
    return replace(binding, confirmed_by=by)


def refuse_old(binding: Binding, *, now: Instant) -> None:
    """Raise Refusal `scans-too-old` if a binding was scanned longer ago than scans and a second person's word take."""
    if not 0 <= now - binding.scanned_at <= 2 * SCANS_WITHIN:
        raise Refusal("scans-too-old", next_step="scan-again")


def broken_by(binding: Binding, known: Known) -> str | None:
    """Why a binding holds no more, in one word; None while the ward's records still say what it says."""
    if binding.baby in known.died:
        return ASK_THE_WARD
    if known.baby_of_wristband.get(binding.wristband) != binding.baby:
        return "wristband-changed"
    if known.bed_of_baby.get(binding.baby) is None:
        return "discharged"
    if known.bed_of_baby[binding.baby] != binding.bed:
        return "bed-moved"
    if known.bed_of_camera.get(binding.camera) != binding.bed:
        return "camera-moved"
    return None
