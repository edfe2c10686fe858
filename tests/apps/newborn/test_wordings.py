"""A head nurse enters what was translated, a colleague approves it, families read it, and whatever is not approved is
Chinese.  The strings are letters of an alphabet and no translation of anything."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Sequence
from urllib.parse import parse_qs

import pytest

from tests.apps.newborn.conftest import MOTHER, STAFF, Browser, Ward
from tests.apps.newborn.test_family_way import Carried
from tests.trails import auditor_of
from tianfu.apps.newborn.model import wordings as rules
from tianfu.apps.newborn.model.wordings import phrases, sources
from tianfu.apps.newborn.queries.desk import read_report
from tianfu.apps.newborn.reminding import remind, texts
from tianfu.db import Query
from tianfu.kernel.instants import DAY, SECOND, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.booking.wordings import Kept, New, Wordings

pytestmark = pytest.mark.anyio

LIST = "/newborn/desk/wordings/bo"
BOOKED, BACK = "newborn.state-slot-confirmed", "newborn.watch-back"
TEXT = "ཀ ཁ ག"


def entry(phrase: str, text: str = TEXT) -> dict[str, str]:
    """What the form for a sentence is sent with."""
    return {"source": rules.mark(phrase), "text": text, "translator": "Demo office", "capacity": "test"}


def at(phrase: str) -> str:
    return f"{LIST}/phrases/{phrase}"


async def waiting(by: Browser, phrase: str) -> str:
    """The id of the version that waits, as the page's form has it."""
    [version] = re.findall(rf"{re.escape(at(phrase))}/([^/]+)/answer", (await by.get(at(phrase))).text)
    return str(version)


async def approve(ward: Ward, phrase: str, text: str = TEXT) -> tuple[Browser, Browser]:
    head, nurse = await ward.staff("head"), await ward.staff("nurse")
    await approve_by(head, nurse, phrase, text)
    return head, nurse


async def facts(ward: Ward, *interactions: str) -> list[tuple[str, dict[str, str]]]:
    """What the trail says of these deeds, oldest first."""
    rows = await ward.house.rows("select interaction, coalesce(query, '') from audit order by seq")
    told = [(str(what), {name: one[0] for name, one in parse_qs(str(query)).items()}) for what, query in rows]
    return [each for each in told if each[0] in interactions]


async def test_the_list_is_empty_and_says_what_to_do_and_nobody_approves_his_own(ward: Ward) -> None:
    head, nurse = await ward.staff("head"), await ward.staff("nurse")
    page = (await head.get(LIST)).text
    assert f"0 of {len(phrases())} approved" in page
    assert "Nothing is translated by machine here" in page
    assert await head.done(at(BOOKED), **entry(BOOKED)) == "entered"
    assert "waits for a second person" in (await head.get(LIST)).text
    assert "Enter a wording" not in (await head.get(at(BOOKED))).text
    assert "waits for a second person already" in await head.refused(at(BOOKED), **entry(BOOKED))
    version = await waiting(nurse, BOOKED)
    answer = f"{at(BOOKED)}/{version}/answer"
    assert "/answer" not in (await head.get(at(BOOKED))).text
    assert "cannot approve it" in await head.refused(answer, answer="approve", reads="yes")
    assert "read the language" in await nurse.refused(answer, answer="approve")
    assert "Say why" in await nurse.refused(answer, answer="refuse", reads="yes")
    assert (await nurse.post(answer, answer="whatever", reads="yes")).status_code == 404
    assert await nurse.done(answer, answer="refuse", reads="yes", reason="letters are missing") == "refused"
    assert "answered this version meanwhile" in await nurse.refused(answer, answer="approve", reads="yes")
    assert "letters are missing" in (await head.get(at(BOOKED))).text
    assert await ward.nursery.wordings.of("ii") == ()


async def test_what_is_unusable_is_refused_and_stays_in_the_form(ward: Ward) -> None:
    head = await ward.staff("head")
    page = await head.refused(at("newborn.watch-back"), **entry("newborn.watch-back", "ཀ {moment}"))
    assert "words in braces" in page
    assert "ཀ {moment}" in page
    assert "no Tibetan letters" in await head.refused(at(BOOKED), **entry(BOOKED, "nothing"))
    assert "no Yi letters" in await head.refused(at(BOOKED).replace("/bo/", "/ii/"), **entry(BOOKED))
    assert "not seen" in await head.refused(at(BOOKED), **entry(BOOKED, "ཀ\u202eཁ"))
    for path in (f"{LIST}/phrases/newborn.title", f"{LIST}/phrases/x", "/newborn/desk/wordings/en", f"{LIST}x"):
        assert (await head.get(path)).status_code == 404
        assert (await head.post(path, **entry(BOOKED))).status_code in {404, 405}
    assert await ward.nursery.wordings.of("bo") == ()


async def test_who_may_only_read_enters_and_withdraws_nothing(ward: Ward) -> None:
    head, nurse = await approve(ward, BOOKED)
    doctor, elsewhere = await ward.staff("doctor"), await ward.resident(MOTHER)
    [kept] = await ward.nursery.wordings.of("bo")
    for by in (nurse, doctor):
        assert (await by.get(LIST)).status_code == 200
        assert (await by.post(at(BOOKED), **entry(BOOKED))).status_code == 404
        assert (await by.post(f"{at(BOOKED)}/{kept.id}/withdraw", reason="x")).status_code == 404
        assert (await by.send_file(f"{LIST}/table", "table", b"x")).status_code == 404
    assert (await elsewhere.get(LIST)).status_code == 404
    assert (await elsewhere.send_file(f"{LIST}/table", "table", b"x")).status_code == 404
    assert (await head.post("/newborn/language", lang="bo")).status_code == 404
    assert await ward.nursery.wordings.of("bo") == (kept,)


async def test_a_family_reads_what_is_approved_and_chinese_else_and_each_change_is_told_with_what_was(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, nurse = await ward.opened(), await ward.staff("nurse")
    await approve_by(head, nurse, BOOKED, TEXT)
    mother = await ward.guardian(nurse, MOTHER, "baby-3")
    await mother.done("/newborn/book/baby-3", start=(await mother.slots("baby-3"))[1], deed="book")
    answer = await mother.post("/newborn/language", lang="bo", back="/newborn")
    assert (answer.status_code, answer.headers["location"]) == (303, "/newborn")
    assert "language=bo" in answer.headers["set-cookie"]
    home = await mother.get("/newborn")
    assert '<html lang="zh-CN"' in home.text, "what is not translated is Chinese, also for a browser set to English"
    assert "language=bo" in home.headers["set-cookie"], "another device remembers what was chosen elsewhere"
    assert f"1 句译文（共 {len(phrases())} 句）" in home.text
    assert f'<span lang="bo">{TEXT}</span>' not in home.text, "the visit waits for a doctor: another sentence"
    said = "newborn.state-guardian-verified"
    await approve_by(head, nurse, said, "ཁ ཁ")
    home = await mother.get("/newborn")
    assert '<span lang="bo">ཁ ཁ</span>' in home.text
    assert (await mother.post("/newborn/language", lang="fr")).status_code == 404
    # A newer version takes the place of an older one; what is withdrawn is gone at once, and the older stays away.
    await approve_by(head, nurse, said, "ག ག")
    assert "ག ག" in (await mother.get("/newborn")).text
    kept = [each for each in await ward.nursery.wordings.of("bo") if each.phrase == said]
    assert "Say why" in await head.refused(f"{at(said)}/{kept[1].id}/withdraw", reason="")
    assert await head.done(f"{at(said)}/{kept[1].id}/withdraw", reason="wrong letters") == "withdrawn"
    page = (await mother.get("/newborn")).text
    assert "ག ག" not in page
    assert "ཁ ཁ" not in page
    assert sources()[said] in page
    told = await facts(ward, "enter-wording", "approve-wording", "withdraw-wording", "choose-language")
    assert [what for what, _ in told] == [
        *("enter-wording", "approve-wording", "choose-language"),
        *("enter-wording", "approve-wording", "enter-wording", "approve-wording", "withdraw-wording"),
    ]
    assert told[6][1] == {"tongue": "bo", "phrase": said, "version": "2", "before": "1", "before-words": "ཁ ཁ"}
    assert told[7][1]["before-words"] == "ག ག"
    assert told[2][1] == {}, "the trail tells nobody's language"
    # The Chinese of another sentence changes in a later release: what was approved for it is to be read again.
    monkeypatch.setattr(rules, "sources", lambda language="zh-CN": {**sources(language), BOOKED: "约好了，请等"})
    ward.house.time.now = Instant(ward.house.time.now + 4 * SECOND)  # a release is another process
    assert "to be read again" in (await head.get(LIST)).text
    assert "0 句译文" in (await mother.get("/newborn")).text


async def approve_by(head: Browser, nurse: Browser, phrase: str, text: str) -> None:
    assert await head.done(at(phrase), **entry(phrase, text)) == "entered"
    version = await waiting(nurse, phrase)
    assert await nurse.done(f"{at(phrase)}/{version}/answer", answer="approve", reads="yes") == "approved"


async def test_a_reminder_is_in_the_language_of_the_person_where_it_is_approved(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, nurse = await ward.opened(), await ward.staff("nurse")
    await approve_by(head, nurse, "newborn.reminder-day", TEXT)
    mother = await ward.guardian(nurse, MOTHER, "baby-3")
    await mother.post("/newborn/language", lang="bo")
    start = Instant(int((await mother.slots("baby-3"))[0]) + 2 * DAY)
    await mother.done("/newborn/book/baby-3", start=str(start), deed="book")
    carried, said = Carried(), texts()
    ward.house.time.now = Instant(start - DAY)
    await remind(ward.nursery, carried, said)
    assert carried.sent == [(MOTHER, f"{TEXT} {sources()['newborn.reminder-day']}")]
    ward.house.time.now = Instant(start - 60_000_000)
    await remind(ward.nursery, carried, said)
    assert carried.sent[1:] == [(MOTHER, said["soon"])], "not approved: as for everybody"
    # After the visit the head nurse's report counts it by language.
    ward.house.time.now = Instant(start + DAY)
    monkeypatch.setitem(STAFF, "head", "H520009")  # her session is over by then
    later = await ward.staff("head")
    report = await read_report(ward.nursery, (await later.here()).caller, None)
    [line] = report.reading
    assert (line.tongue, line.families, line.visits, line.interpreted, line.complete, line.neither) == (
        *("bo", 1, 1),
        *(0, 0, 1),
    )
    page = re.sub(r"\s*<[^>]*>\s*", " ", (await later.get("/newborn/desk/report")).text)
    assert re.search(r"Tibetan +1 +1 +0 +0 +1", page)


async def test_a_table_is_taken_whole_or_not_at_all(ward: Ward) -> None:
    head, nurse = await approve(ward, BOOKED)
    answer = await nurse.get(f"{LIST}/table")
    assert answer.headers["content-type"].startswith("text/csv")
    lines = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert TEXT in [line[4] for line in lines[1:-1]]
    assert (await head.send_file(f"{LIST}/table", "table", answer.content)).headers["location"].endswith("done=nothing")
    for line in lines[1:3]:
        line[4:] = [TEXT, "Demo", "test"]
    lines[3][4:] = ["no such letters", "Demo", "test"]
    refused = await head.send_file(f"{LIST}/table", "table", as_file(lines))
    assert refused.status_code == 422
    assert "Line 4:" in refused.text
    assert len(await ward.nursery.wordings.of("bo")) == 1, "nothing half"
    lines[3][4:] = ["", "", ""]
    taken = await head.send_file(f"{LIST}/table", "table", as_file(lines))
    assert taken.headers["location"].endswith("done=entered")
    assert len(await ward.nursery.wordings.of("bo")) == 3
    assert "waiting for a second person 2," in (await head.get(LIST)).text


async def test_nothing_is_taken_for_another_chinese_sentence_than_the_one_it_was_made_from(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, nurse = await ward.staff("head"), await ward.staff("nurse")
    before = entry(BOOKED)
    assert await head.done(at(BOOKED), **before) == "entered"
    assert f'name="source" value="{rules.mark(BACK)}"' in (await head.get(at(BACK))).text
    stale = entry(BACK, "ཀ {time}")
    new = {BOOKED: "约好了，请等", BACK: "请等到 {time}"}
    monkeypatch.setattr(rules, "sources", lambda language="zh-CN": {**sources(language), **new})
    # The form was open while the sentence changed: what was typed stays, below the new sentence.
    page = await head.refused(at(BACK), **stale)
    assert "has changed meanwhile" in page
    assert new[BACK] in page
    assert "ཀ {time}" in page
    assert "has changed meanwhile" in await head.refused(at(BACK), **{**stale, "source": ""})
    # What waits was made from the old sentence: it goes into no table beside the new one.
    sent = (await head.get(f"{LIST}/table")).content.decode("utf-8-sig")
    [line] = [each for each in csv.reader(io.StringIO(sent)) if each[0] == BOOKED]
    assert line[2:] == [new[BOOKED], line[3], "", "", ""]
    line[4:] = [TEXT, "Demo", "test"]
    lines = [line if each[0] == BOOKED else each for each in csv.reader(io.StringIO(sent))]
    again = await head.send_file(f"{LIST}/table", "table", as_file(lines))
    assert "waits for a second person already" in again.text, "and is not taken for what is sent now"
    version = await waiting(nurse, BOOKED)
    answer = f"{at(BOOKED)}/{version}/answer"
    assert "has changed meanwhile" in await nurse.refused(answer, answer="approve", reads="yes")


def as_file(lines: list[list[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(lines)
    return out.getvalue().encode()


async def test_of_two_who_enter_at_once_one_waits_and_the_other_is_told(ward: Ward) -> None:
    head = (await (await ward.staff("head")).here()).caller
    new = New(phrase=BOOKED, text=TEXT, source=rules.digest(sources()[BOOKED]), translator="Demo", capacity="test")
    done = await asyncio.gather(
        *(ward.nursery.wordings.enter(head, "bo", [new]) for _ in range(4)), return_exceptions=True
    )
    assert sorted(each.code for each in done if isinstance(each, Refusal)) == ["wording-waits"] * 3
    assert len(await ward.nursery.wordings.of("bo")) == 1


async def test_what_families_read_is_made_once_in_a_few_seconds_and_at_once_after_a_change(ward: Ward) -> None:
    head, nurse = await approve(ward, BOOKED)
    wordings, made = ward.nursery.wordings, list[int]()

    def words_of(kept: Sequence[Kept]) -> dict[str, str]:
        made.append(len(kept))
        return {each.phrase: each.text for each in kept if each.withdrawn_at is None}

    first = await wordings.shown("bo", words_of)
    assert (first.words, made) == ({BOOKED: TEXT}, [1])
    assert await wordings.shown("bo", words_of) is first, "remembered as it was made"
    await approve_by(head, nurse, BOOKED, "ག ག")
    second = await wordings.shown("bo", words_of)
    assert (second.words, made) == ({BOOKED: "ག ག"}, [1, 1]), "only the last of each sentence is read"
    [_, kept] = await wordings.of("bo")
    # Another worker withdraws it: what this one remembers is over after three seconds.
    elsewhere = Wordings(ward.house.database, await auditor_of(ward.house.database), ward.house.time)
    await elsewhere.withdraw((await head.here()).caller, "bo", kept.id, "wrong letters")
    assert await wordings.shown("bo", words_of) is second
    ward.house.time.now = Instant(ward.house.time.now + 3 * SECOND)
    third = await wordings.shown("bo", words_of)
    assert third.words == {}
    assert 0 < first.edition < second.edition < third.edition, "a page knows what is newer"
    assert (await wordings.shown("ii", words_of)).edition == 0


async def test_the_database_too_keeps_nobody_as_his_own_second_person(ward: Ward) -> None:
    _, _ = await approve(ward, BOOKED)
    with pytest.raises(Exception, match="23514 newborn_wording"):
        async with ward.house.database.transaction("app") as transaction:
            await transaction.run(Query.composed("own", "update newborn_wording set answered_by = entered_by"))
