"""What a family says about a visit: two questions and a few words, as Communication to the ward."""

from __future__ import annotations

from collections.abc import Mapping

from tianfu.apps.newborn.mapping.feedback import feedback_of
from tianfu.apps.newborn.queries.family_visit import coming_to
from tianfu.apps.newborn.queries.records import write
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.kernel.refusal import Fault, Refusal
from tianfu.services.accounts.model.people import SignedIn

WORDS_MAX = 500
ANSWERS = ("good", "middling", "bad")


async def thank(windows: Windows, signed_in: SignedIn, visit: str, form: Mapping[str, str]) -> None:
    """Keep it, once for a visit and person: said again, it takes the place of what was said before.

    Raises Refusal `not-found` and `feedback-unusable`.
    """
    coming = await coming_to(windows, signed_in, visit)
    words = form["words"].strip()
    faults = [Fault(name, "choose-one") for name in ("picture", "care") if form[name] not in ANSWERS]
    if len(words) > WORDS_MAX:
        faults.append(Fault("words", "too-long"))
    if faults:
        raise Refusal("feedback-unusable", faults=tuple(faults))
    participant = windows.grants.participant(visit, signed_in.account.id)
    resource = feedback_of(
        coming.booked,
        name=f"{visit}-{participant}"[:64],
        sender=coming.guardian,
        answers={name: form[name] for name in ("picture", "care")},
        words=words,
        now=windows.nursery.clock(),
    )
    await write(windows.nursery.store, resource)
