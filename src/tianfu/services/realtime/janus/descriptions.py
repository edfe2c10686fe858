"""Descriptions of sessions (RFC 8866) as Janus is given them, and as it gives them on."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.protocol.offers import is_of_media_alone

OFFER_BYTES_MAX = 1 << 18
CANDIDATES_MAX = 40
BASELINE = "42e01f"
"""H.264's constrained baseline (RFC 6184, section 8.1): the only profile that we let through."""

_MEDIA = re.compile(r"m=(audio|video) (\d+) (\S+) ([\d ]+)\Z")
_REPETITION = re.compile(r"a=rtcp-fb:(\d+|\*) nack\Z")
_CANDIDATE = re.compile(r"[\w+/]{1,32} \d{1,3} \w{1,8} \d{1,10} [\w.:-]{1,255} \d{1,5} typ (host|srflx|prflx|relay)\b")
_ABOUT_CODEC = re.compile(r"a=(?:rtpmap|fmtp|rtcp-fb):(\d+) ?(.*)\Z")


def shortened(offer: str) -> str:
    """An offer with no codecs but ours in it, because Janus reads no more than some kilobytes.

    Raises Refusal `offer-malformed` if it describes neither picture nor sound, or anything else, or `no-common-codec`.
    """
    if len(offer) > OFFER_BYTES_MAX or offer.count("a=candidate:") > CANDIDATES_MAX or not is_of_media_alone(offer):
        raise Refusal("offer-malformed")
    head, *sections = _sections(offer)
    if not head or head[0] != "v=0" or not any(_MEDIA.match(each[0]) for each in sections):
        raise Refusal("offer-malformed")
    return _joined([head, *map(_with_our_codecs, sections)])


def without_repetition(description: str) -> str:
    """A description in which no lost packet of a picture is sent again.

    Janus itself sends them again, from a buffer of a second and more, without asking whether the picture may still be
    seen; so nobody may ask for them (RFC 4585, section 6.2.1).
    """
    rows = [row for row in description.splitlines() if not _REPETITION.match(row)]
    return "\r\n".join(rows) + "\r\n"


def has_picture(answer: str) -> bool:
    """Whether an answer takes a line of pictures."""
    return any(each[0].startswith("m=video ") and not each[0].startswith("m=video 0 ") for each in _sections(answer))


def ufrag_of(description: str) -> str:
    """The first name by which its author is known to ICE (RFC 8839, section 5.4)."""
    return description.partition("a=ice-ufrag:")[2].partition("\n")[0].strip()


def is_candidate(row: str) -> bool:
    """Whether something may be read as an address of ICE (RFC 8839, section 5.1): Janus does not say."""
    return _CANDIDATE.match(row) is not None


def takes(answer: str, lines: int) -> bool:
    """Whether an answer has as many lines as were offered, all of picture or sound, and says who gives it."""
    sections = _sections(answer)[1:]
    return (
        len(sections) == lines and is_of_media_alone(answer) and "a=fingerprint:" in answer and "a=ice-ufrag:" in answer
    )


def _sections(description: str) -> Sequence[list[str]]:
    found: list[list[str]] = [[]]
    for row in description.splitlines():
        if row.startswith("m="):
            found.append([])
        found[-1].append(row)
    return found


def _joined(sections: Sequence[Sequence[str]]) -> str:
    return "\r\n".join(row for section in sections for row in section) + "\r\n"


def _with_our_codecs(section: list[str]) -> list[str]:
    media = _MEDIA.match(section[0])
    if media is None:
        return section
    kind, port, transport, numbers = media.groups()
    ours = _ours(kind, section)
    kept = [number for number in numbers.split() if number in ours]
    if not kept:
        raise Refusal("no-common-codec", next_step="use-another-browser")
    rows = [f"m={kind} {port} {transport} {' '.join(kept)}"]
    for row in section[1:]:
        about = _ABOUT_CODEC.match(row)
        if about is None or about[1] in kept:
            rows.append(row)
    return rows


def _ours(kind: str, section: Sequence[str]) -> set[str]:
    """The numbers of the payload types that we take."""
    names: dict[str, str] = {}
    parameters: dict[str, str] = {}
    for row in section:
        about = _ABOUT_CODEC.match(row)
        if about is None:
            continue
        if row.startswith("a=rtpmap:"):
            names[about[1]] = about[2].partition("/")[0].lower()
        elif row.startswith("a=fmtp:"):
            parameters[about[1]] = about[2].lower()
    if kind == "audio":
        return {number for number, name in names.items() if name == "opus"}
    return {
        number
        for number, name in names.items()
        if name == "vp8" or (name == "h264" and _is_baseline(parameters.get(number, "")))
    }


def _is_baseline(parameters: str) -> bool:
    return f"profile-level-id={BASELINE}" in parameters and "packetization-mode=1" in parameters
