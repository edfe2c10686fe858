"""Who of those that wait for a slot may have it now, and why the others may not; read in the platform's own name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.consents import given_of
from tianfu.apps.newborn.mapping.visits import Element, id_in
from tianfu.apps.newborn.mapping.wards import is_clear
from tianfu.apps.newborn.model.booking import KeptBack
from tianfu.apps.newborn.ports import Nursery, RecordStore
from tianfu.apps.newborn.queries.records import PLATFORM, found_all, read_all
from tianfu.apps.newborn.queries.staying import UNKNOWN, why_gone
from tianfu.kernel.instants import Instant
from tianfu.services.booking.places import Waiting


async def kept_back(nursery: Nursery, wishes: Sequence[Waiting]) -> Mapping[str, KeptBack | None]:
    """Of each wish, by its id, why its family does not move up; None for one that may."""
    store, now = nursery.store, nursery.clock()
    if not wishes:
        return {}
    people = await read_all(store, VISITS, PLATFORM, [("RelatedPerson", each.related) for each in wishes])
    said = {baby: await _said(store, baby) for baby in {each.baby for each in wishes}}
    gone = await why_gone(store, {(wish.baby, wish.ward) for wish in wishes})
    answers: dict[str, KeptBack | None] = {}
    for wish in wishes:
        person = people.get(("RelatedPerson", wish.related))
        if why := gone[wish.baby, wish.ward]:
            answers[wish.id] = KeptBack.UNKNOWN if why == UNKNOWN else KeptBack.GONE
        elif person is None:
            answers[wish.id] = KeptBack.GUARDIANSHIP
        else:
            answers[wish.id] = _why(wish, person.value, *said[wish.baby], now)
    return answers


async def _said(store: RecordStore, baby: str) -> tuple[list[Element], list[Element]]:
    """The flags and the consents of a baby."""
    about = f"Patient/{baby}"
    flags = await found_all(store, VISITS, PLATFORM, "Flag", patient=about)
    consents = await found_all(store, VISITS, PLATFORM, "Consent", patient=about, status="active")
    return [each.value for each in flags], [each.value for each in consents]


def _why(
    wish: Waiting, person: Element, flags: Sequence[Element], consents: Sequence[Element], now: Instant
) -> KeptBack | None:
    if not is_clear(person, wish.baby, flags, now=now):
        return KeptBack.GUARDIANSHIP
    given = [given_of(each, version=0) for each in consents if id_in(each.get("patient"), "Patient") == wish.baby]
    is_agreed = any(each is not None and each.guardian == wish.related and each.lets_begin for each in given)
    return None if is_agreed else KeptBack.CONSENT
