"""Whether a camera's pictures can go on as they come: nothing is decoded here, so every browser must take them.

H.264 in constrained baseline (RFC 7742, section 6.2), no picture out of order, a whole picture at least each two
seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.kernel.refusal import Refusal

PROFILES = frozenset({"Constrained Baseline", "Baseline"})
"""Many cameras call the constrained one plain baseline: what only the plain one allows, none of them makes."""

COLOURS = frozenset({"yuv420p", "yuvj420p"})
WIDTH_MAX, HEIGHT_MAX = 1_920, 1_088
BITS_PER_SECOND_MAX = 4_000_000
GROUP_SECONDS_MAX = 2.2
"""Two seconds, and what the network's jitter adds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a camera was seen to send.  `group_seconds` lie between two whole pictures; it and
    `bits_per_second` are None if they were not measured.

    `pictures_held` is how many pictures a receiver must hold back to put them in order; `sound` is the codec of what it
    hears, empty if it hears nothing that families could hear, for which it is not refused.
    """

    codec: str
    profile: str
    pictures_held: int
    colour: str
    width: int
    height: int
    bits_per_second: float | None
    group_seconds: float | None
    sound: str


def refuse_unfit(seen: Seen) -> None:
    """Raise Refusal `camera-codec`, `camera-out-of-order`, `camera-profile`, `camera-size`, `camera-rate` or
    `camera-whole-pictures`, the first that is true; its details say what was seen.
    """
    if seen.codec != "h264":
        raise _unfit("camera-codec", codec=seen.codec)
    if seen.pictures_held:
        raise _unfit("camera-out-of-order", pictures=str(seen.pictures_held))
    if seen.profile not in PROFILES or seen.colour not in COLOURS:
        raise _unfit("camera-profile", profile=seen.profile, colour=seen.colour)
    if seen.width > WIDTH_MAX or seen.height > HEIGHT_MAX:
        raise _unfit("camera-size", width=str(seen.width), height=str(seen.height))
    if seen.bits_per_second is not None and seen.bits_per_second > BITS_PER_SECOND_MAX:
        raise _unfit("camera-rate", kilobits=str(round(seen.bits_per_second / 1_000)))
    if seen.group_seconds is not None and seen.group_seconds > GROUP_SECONDS_MAX:
        raise whole_pictures_rare(seen.group_seconds)


def whole_pictures_rare(seconds: float) -> Refusal:
    """Who joins would wait too long for a first picture."""
    return _unfit("camera-whole-pictures", seconds=f"{seconds:.1f}")


def _unfit(code: str, **seen: str) -> Refusal:
    return Refusal(code, next_step="change-the-camera", details=seen)
