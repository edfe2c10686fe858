"""Reminds families a day and half an hour before a visit, each once.  Rule: docs/rules/newborn-booking.md

A reminder says that there is an appointment, and neither whose nor when nor with whom: a telephone is read by others
too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import structlog

from tianfu.apps.newborn.model.binding import ASK_THE_WARD
from tianfu.apps.newborn.model.wordings import sources
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.staying import DISCHARGED, GONE_AFTER, why_gone
from tianfu.apps.newborn.queries.wordings import approved_now
from tianfu.kernel.instants import DAY, SECOND
from tianfu.kernel.refusal import Refusal, place_of
from tianfu.services.booking.notices import Notices
from tianfu.services.booking.places import Place
from tianfu.web.languages import load_languages
from tianfu.web.pages import WEB_FOLDER

LOOK_SECONDS = 60.0
SOON = 30 * 60 * SECOND
_log = structlog.get_logger("tianfu.newborn")

When = Literal["day", "soon", "gone"]


def texts() -> Mapping[When, str]:
    """What a reminder says, in both languages: nobody knows yet which one its reader has chosen."""
    languages = load_languages([WEB_FOLDER / "languages", Path(__file__).parent / "languages"])
    kinds: tuple[When, ...] = ("day", "soon", "gone")
    return {kind: " ".join(languages[tag].say(f"newborn.reminder-{kind}") for tag in ("zh-CN", "en")) for kind in kinds}


async def keep_reminding(nursery: Nursery, notices: Notices) -> None:
    """Look again and again who is to be reminded; goes on until cancelled."""
    said = texts()
    while True:
        try:
            await remind(nursery, notices, said)
        except Exception as error:
            _log.error("not_reminded", error=place_of(error))
        await asyncio.sleep(LOOK_SECONDS)


async def _words(nursery: Nursery, related: str, when: When, otherwise: str) -> str:
    """What a reminder says to whom it goes: in the tongue he chose and in Chinese, where that is approved."""
    account = await nursery.claims.account_of(related)
    tongue = "" if account is None else await nursery.wordings.chosen(account)
    key = f"newborn.reminder-{when}"
    said = (await approved_now(nursery, tongue)).words.get(key)
    return otherwise if said is None else f"{said} {sources()[key]}"


async def remind(nursery: Nursery, notices: Notices, said: Mapping[When, str]) -> int:
    """Remind whoever is due now; how many were carried.  Of several workers one reminds.

    Whose baby has left is not reminded, but told once that what was booked is off; of a baby that died nothing is sent.
    """
    carried = 0
    for place, ward, when in await nursery.places.due(day=DAY, soon=SOON):
        carried += await _tell(nursery, notices, place, ward, when, said)
    for place, ward in await nursery.places.due_gone(DISCHARGED, after=GONE_AFTER):
        carried += await _tell(nursery, notices, place, ward, "gone", said)
    return carried


async def _tell(
    nursery: Nursery, notices: Notices, place: Place, ward: str, when: When, said: Mapping[When, str]
) -> bool:
    """Tell one family; whether it was carried.  What its stay is like is looked at just before, and unknown is no."""
    try:
        gone = (await why_gone(nursery.store, [(place.baby, ward)]))[place.baby, ward]
        if gone == ASK_THE_WARD or (gone and when != "gone"):
            _log.info("not_reminded_of_what_is_off", appointment=place.id)
            return False
        number = await nursery.claims.telephone_of(place.related)
        if number is None:
            _log.info("reminder_without_telephone", appointment=place.id)
            return False
        await notices.tell(number, await _words(nursery, place.related, when, said[when]))
    except Refusal as refusal:
        _log.warning("reminder_not_carried", appointment=place.id, code=refusal.code)
        return False
    return True
