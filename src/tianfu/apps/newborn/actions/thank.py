"""What a family says about a visit: two questions and a few words, as Communication to the ward."""

from __future__ import annotations

from collections.abc import Mapping

from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.feedback import feedback_of
from tianfu.apps.newborn.mapping.visits import id_in
from tianfu.apps.newborn.model.feedback import ANSWERS, QUESTIONS
from tianfu.apps.newborn.queries.family_visit import coming_to
from tianfu.apps.newborn.queries.records import PLATFORM, read_all, write
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.kernel.refusal import Fault, Refusal
from tianfu.services.accounts.model.people import SignedIn

WORDS_MAX = 500


async def thank(windows: Windows, signed_in: SignedIn, visit: str, form: Mapping[str, str]) -> None:
    """Keep it, once for a visit and person: said again, it takes the place of what was said before.

    Raises Refusal `not-found` and `feedback-unusable`.
    """
    coming = await coming_to(windows, signed_in, visit)
    words = form["words"].strip()
    faults = [Fault(name, "choose-one") for name in QUESTIONS if form[name] not in ANSWERS]
    if len(words) > WORDS_MAX:
        faults.append(Fault("words", "too-long"))
    if faults:
        raise Refusal("feedback-unusable", faults=tuple(faults))
    store, ward = windows.nursery.store, ("Location", coming.booked.ward)
    found = await read_all(store, VISITS, PLATFORM, [ward])
    unit = id_in(found[ward].value.get("managingOrganization"), "Organization") if ward in found else ""
    participant = windows.grants.participant(visit, signed_in.account.id)
    resource = feedback_of(
        coming.booked,
        name=f"{visit}-{participant}"[:64],
        sender=coming.guardian,
        unit=unit,
        answers={name: form[name] for name in QUESTIONS},
        words=words,
        now=windows.nursery.clock(),
    )
    await write(store, resource)
