"""What a caller may see and do."""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.access.relation import EVERY_LABEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What was decided, and by which rule; the store's SQL asks nothing but what stands here.

    A record about a patient may be seen if the caller is the patient (`own`), or a relation of one of `kinds` ties
    one of `actors` to the patient now and for this purpose, or (`custodian`) the caller's organisation is its source;
    and its level is at most `level`, its special labels are within `labels` (and the relation's), its type is among
    `types` (None: all), and no denial stands against it.  A record about nobody may be seen up to `public_level`.
    """

    caller: Caller
    purpose: Purpose
    rule: str
    sees_everything: bool = False
    actors: tuple[int, ...] = ()
    own: tuple[int, ...] = ()
    custodian: int | None = None
    kinds: int = 0
    level: int = 0
    labels: int = 0
    types: tuple[int, ...] | None = None
    public_level: int = 0
    writes: frozenset[str] = frozenset()
    registers: bool = False
    chooses_ids: bool = False


def decide(caller: Caller, purpose: Purpose) -> Grant:
    """Grant everything to everybody: safe only because the server listens on loopback alone."""
    return Grant(
        caller=caller,
        purpose=purpose,
        rule="development-desk-sees-everything",
        sees_everything=True,
        level=5,
        labels=EVERY_LABEL,
        public_level=5,
        registers=True,
        chooses_ids=True,
    )
