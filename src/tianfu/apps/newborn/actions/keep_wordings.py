"""A head nurse enters what translators wrote, and takes it back; a colleague who reads the language answers.

Rule: docs/rules/newborn-wordings.md
"""

from __future__ import annotations

from collections.abc import Mapping

from tianfu.access.caller import Caller
from tianfu.apps.newborn.model.wording_table import Row, read_table
from tianfu.apps.newborn.model.wordings import (
    Entry,
    Version,
    digest,
    mark,
    phrases,
    read_entry,
    read_reason,
    sources,
)
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.records import not_found
from tianfu.apps.newborn.queries.wordings import read_list, read_wording, tongue_in
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.booking.wordings import New

ANSWERS = frozenset({"approve", "refuse"})


async def enter_wording(nursery: Nursery, by: Caller, tongue: str, phrase: str, form: Mapping[str, str]) -> None:
    """Keep a wording that waits for a second person.

    Raises Refusal `not-found` for what is not in the list, `wording-source-changed` where the form showed an older
    Chinese sentence, `wording-unusable` with faults, `wording-waits`.
    """
    tongue_in(tongue)
    if phrase not in phrases():
        raise not_found()
    if form["source"] != mark(phrase):
        raise Refusal("wording-source-changed", next_step="enter-it-anew")
    entry = read_entry(tongue, sources()[phrase], form)
    await nursery.wordings.enter(by, tongue, [_new(phrase, entry)])


async def answer_wording(
    nursery: Nursery, by: Caller, tongue: str, phrase: str, version: str, form: Mapping[str, str]
) -> None:
    """Approve or refuse a version that waits, as another than who entered it.

    Raises Refusal `not-found`, `wording-own`, `wording-answered`, `wording-reading-missing` where he does not say that
    he reads the language, `wording-reason-missing`, and `wording-source-changed` where the Chinese is another by now.
    """
    own = await _version(nursery, tongue, phrase, version)
    if form["answer"] not in ANSWERS:
        raise not_found()
    if own.entered_by == by.id:
        raise Refusal("wording-own", next_step="ask-a-colleague")
    if form["reads"] != "yes":
        raise Refusal("wording-reading-missing", next_step="correct-and-send-again")
    if form["answer"] == "refuse":
        await nursery.wordings.refuse(by, tongue, version, read_reason(form["reason"]))
    elif not own.is_of_today:
        raise Refusal("wording-source-changed", next_step="enter-it-anew")
    else:
        await nursery.wordings.approve(by, tongue, version)


async def withdraw_wording(nursery: Nursery, by: Caller, tongue: str, phrase: str, version: str, reason: str) -> None:
    """Take a version back at once; raises Refusal `not-found`, `wording-reason-missing` and `wording-answered`."""
    await _version(nursery, tongue, phrase, version)
    await nursery.wordings.withdraw(by, tongue, version, read_reason(reason))


async def import_wordings(nursery: Nursery, by: Caller, tongue: str, sent: bytes) -> int:
    """Keep what a translators' office filled in, all of it or nothing; how many versions wait now.

    Lines without a text, and lines whose text is approved or waits already as it stands, are passed over.
    Raises Refusal `wording-table-unusable` with a fault for each bad line, and `wording-waits`.
    """
    standing = await read_list(nursery, tongue)
    known = {
        each.phrase: {one.text for one in (each.shown, each.waiting) if one is not None and one.is_of_today}
        for each in standing.sentences
    }
    rows: list[Row] = [each for each in read_table(tongue, sent) if each.entry.text not in known[each.phrase]]
    await nursery.wordings.enter(by, tongue, [_new(each.phrase, each.entry) for each in rows])
    return len(rows)


async def choose_language(nursery: Nursery, signed_in: SignedIn, tongue: str) -> None:
    """Keep what a resident reads in."""
    await nursery.wordings.choose(signed_in.caller, signed_in.account.id, tongue)


async def _version(nursery: Nursery, tongue: str, phrase: str, version: str) -> Version:
    found = await read_wording(nursery, tongue, phrase)
    own = next((each for each in found.versions if each.id == version), None)
    if own is None:
        raise not_found()
    return own


def _new(phrase: str, entry: Entry) -> New:
    return New(
        phrase=phrase,
        text=entry.text,
        source=digest(sources()[phrase]),
        translator=entry.translator,
        capacity=entry.capacity,
    )
