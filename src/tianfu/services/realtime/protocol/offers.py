"""What an offer says that a door must know before anybody is let in (RFC 8866, section 6.7)."""

from __future__ import annotations

_SENDS = frozenset({"sendonly", "sendrecv"})
_DIRECTIONS = _SENDS | {"recvonly", "inactive"}


def sends_anything(offer: str) -> bool:
    """Whether whoever made an offer wants to send something himself; without a word on it, he does."""
    session, direction = "sendrecv", ""
    directions: list[str] = []
    for row in offer.splitlines():
        if row.startswith("m="):
            directions.append(direction)
            direction = ""
        elif row.startswith("a=") and row[2:] in _DIRECTIONS:
            direction = row[2:]
            if not directions:
                session = direction
    directions.append(direction)
    return any((each or session) in _SENDS for each in directions[1:])


def is_of_media_alone(description: str) -> bool:
    """Whether a description has lines of picture and sound, and no others, such as a channel of data."""
    kinds = {row[2:].partition(" ")[0] for row in description.splitlines() if row.startswith("m=")}
    return kinds <= {"audio", "video"}


def asks_to_hear(offer: str) -> bool:
    """Whether an offer has a line over which its author would only receive (RFC 9725 lets no encoder offer one)."""
    return any(row.strip() == "a=recvonly" for row in offer.splitlines())


def pictures_in(offer: str) -> int:
    """How many lines of pictures an offer has."""
    return sum(row.lstrip().lower().startswith("m=video") for row in offer.splitlines())


def asks_for_sound_alone(offer: str) -> bool:
    """Whether an offer has lines of sound and of nothing else."""
    lines = [row for row in offer.splitlines() if row.lstrip().lower().startswith("m=")]
    return bool(lines) and all(row.startswith("m=audio ") for row in lines)
