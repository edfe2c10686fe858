"""Screen: the last released photo of the diary, beside a drawn curtain.  Rule: docs/rules/newborn-watching.md"""

from __future__ import annotations

from tianfu.apps.newborn.mapping.diary import Entry
from tianfu.apps.newborn.queries.diary import read_last_photo
from tianfu.apps.newborn.queries.family_visit import coming_to
from tianfu.apps.newborn.queries.records import not_found
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.realtime.protocol.parts import Part


async def read_photo_of_visit(windows: Windows, signed_in: SignedIn, visit: str) -> tuple[bool, Entry | None]:
    """Whether a guardian who may see the visit agreed to diary and photos, and the last released day with a photo.

    Raises Refusal `not-found` for everybody else.
    """
    coming = await coming_to(windows, signed_in, visit)
    if coming.part is not Part.FAMILY or not coming.may_see:
        raise not_found()
    return await read_last_photo(windows.nursery, signed_in.caller, coming.booked.baby)
