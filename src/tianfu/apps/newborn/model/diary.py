"""A baby's day as its nurse tells it, and the way of an entry to the family.  Rule: docs/rules/newborn-diary.md"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from tianfu.apps.newborn.model.consent import Scope
from tianfu.kernel.instants import days_later
from tianfu.kernel.refusal import Fault, Refusal

DAYS_BACK_MAX = 3
"""An entry is written on its day or a few days later, never before. [inferred]"""

GRAMS = (200, 12_000)
MILLILITRES = (0, 2_000)
"""Beyond these a number is a slip of the hand: they are no limits of treatment. [inferred]"""

STOOL_CHARACTERS_MAX = 100
NOTE_CHARACTERS_MAX = 1_000
REASON_CHARACTERS_MAX = 200


class State(StrEnum):
    """Where an entry is on its way; a family sees released ones alone."""

    DRAFT = "draft"
    RELEASED = "released"
    TAKEN_BACK = "taken-back"


class Feed(StrEnum):
    """What a baby was fed."""

    OWN_MILK = "own-milk"
    DONOR_MILK = "donor-milk"
    FORMULA = "formula"
    SEVERAL = "several"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an entry says; a number that nobody measured is None, and a text that nobody wrote is empty."""

    grams: int | None = None
    millilitres: int | None = None
    feed: Feed | None = None
    stool: str = ""
    note: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing."""
        return self == Told()


def read_told(form: Mapping[str, str]) -> Told:
    """What a nurse wrote; raises Refusal `diary-unusable` with a fault for each field.

    A volume needs the kind and the kind a volume: nobody guesses what a baby was fed.
    """
    faults: list[Fault] = []
    grams = _number(form, "grams", GRAMS, faults)
    millilitres = _number(form, "millilitres", MILLILITRES, faults)
    stool = _text(form, "stool", STOOL_CHARACTERS_MAX, faults)
    note = _text(form, "note", NOTE_CHARACTERS_MAX, faults)
    kind = form.get("feed", "")
    if kind and kind not in {each.value for each in Feed}:
        faults.append(Fault("feed", "feed-unknown"))
    elif millilitres is not None and not kind:
        faults.append(Fault("feed", "feed-needed"))
    elif kind and millilitres is None and not any(each.path == "millilitres" for each in faults):
        faults.append(Fault("millilitres", "volume-needed"))
    if faults:
        raise Refusal("diary-unusable", faults=tuple(faults))
    feed = Feed(kind) if kind else None
    return Told(grams=grams, millilitres=millilitres, feed=feed, stool=stool, note=note)


def read_day(text: str, *, today: date, born: date | None) -> date:
    """The day of an entry; raises Refusal `not-found` for a day that never came here.

    Raises Refusal `diary-day` for one to come, one before the birth and one too long ago.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Refusal("not-found", next_step="check-the-address") from None
    if day.isoformat() != text:
        raise Refusal("not-found", next_step="check-the-address")
    if day > today or day < days_later(today, -DAYS_BACK_MAX) or (born is not None and day < born):
        raise Refusal("diary-day", next_step="start-again")
    return day


def read_reason(text: str) -> str:
    """Why something is taken back, in words; raises Refusal `reason-needed`."""
    tidy = " ".join(text.split())
    if not tidy or len(tidy) > REASON_CHARACTERS_MAX:
        raise Refusal("reason-needed", faults=(Fault("reason", "text-needed" if not tidy else "text-too-long"),))
    return tidy


def refuse_unless_writable(state: State) -> None:
    """Raise Refusal `diary-released` for what a family sees: it is taken back first, with a reason."""
    if state is State.RELEASED:
        raise Refusal("diary-released", next_step="take-it-back")


def refuse_unless_releasable(state: State, told: Told, *, has_photo: bool, agreed: Iterable[Scope]) -> None:
    """Raise Refusal unless a draft says something and a guardian has agreed to all of it.

    Codes: diary-released, diary-taken-back, diary-empty, diary-not-agreed, photo-not-agreed.
    """
    refuse_unless_writable(state)
    scopes = frozenset(agreed)
    if state is State.TAKEN_BACK:
        raise Refusal("diary-taken-back", next_step="write-again")
    if told.is_empty and not has_photo:
        raise Refusal("diary-empty")
    if Scope.DIARY not in scopes:
        raise Refusal("diary-not-agreed", next_step="ask-the-family")
    if has_photo:
        refuse_unless_photo_agreed(scopes)


def refuse_unless_photo_agreed(agreed: Iterable[Scope]) -> None:
    """Raise Refusal `photo-not-agreed`: no picture of a baby is taken in before a guardian has agreed to photos."""
    if Scope.PHOTO not in frozenset(agreed):
        raise Refusal("photo-not-agreed", next_step="ask-the-family")


def refuse_unless_released(state: State) -> None:
    """Raise Refusal `diary-not-released`: only what a family sees is taken back."""
    if state is not State.RELEASED:
        raise Refusal("diary-not-released", next_step="reload")


def _number(form: Mapping[str, str], field: str, bounds: tuple[int, int], faults: list[Fault]) -> int | None:
    text = form.get(field, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 6) or not bounds[0] <= int(text) <= bounds[1]:
        faults.append(Fault(field, f"{field}-range"))
        return None
    return int(text)


def _text(form: Mapping[str, str], field: str, characters_max: int, faults: list[Fault]) -> str:
    tidy = " ".join(form.get(field, "").split())
    if len(tidy) > characters_max:
        faults.append(Fault(field, "text-too-long"))
    return tidy
