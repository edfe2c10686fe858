"""A day of the diary as Composition with its Observations and its photo, and back.  Rules: docs/rules/newborn-diary.md

https://hl7.org/fhir/R4/composition.html , https://hl7.org/fhir/R4/observation.html ,
https://hl7.org/fhir/R4/documentreference.html
"""

from __future__ import annotations

import base64
import binascii
import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from tianfu.apps.newborn.mapping.codes import (
    DIARY_DAY,
    DIARY_PHOTO,
    FEED_KIND,
    FEED_VOLUME,
    HL7,
    NEWBORN,
    STOOL,
    UNRELEASED,
    concept,
)
from tianfu.apps.newborn.mapping.visits import Element, Resource, extension, id_in
from tianfu.apps.newborn.model.diary import Feed, State, Told
from tianfu.apps.newborn.model.growth import Born, Sex, Weighed
from tianfu.apps.newborn.model.photo import MEDIA_TYPE
from tianfu.kernel.ids import FHIR_ID
from tianfu.kernel.instants import Instant, to_fhir_instant

DIARY = "urn:tianfu:newborn-diary"
"""The system of the identifiers by which a day's records are found: baby, day, and what it is."""

TAKEN_BACK = "urn:tianfu:newborn-diary-taken-back"
LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"
WEIGHT, GESTATION = "29463-7", "76516-4"

_STATUS = {State.DRAFT: "preliminary", State.RELEASED: "final", State.TAKEN_BACK: "entered-in-error"}
_STATE = {status: state for state, status in _STATUS.items()}
_BEFORE, _AFTER = '<div xmlns="http://www.w3.org/1999/xhtml"><p>', "</p></div>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A day's entry as the record holds it; `observations` and `photo` are ids, empty where there is none."""

    id: str
    version: int
    baby: str
    day: date
    state: State
    author: str
    reason: str = ""
    told: Told = field(default_factory=Told)
    observations: tuple[str, ...] = ()
    photo: str = ""


def name_of_day(baby: str, day: date) -> str:
    """The value of the identifier of a day's entry."""
    return f"{baby}.{day.isoformat()}"


def observations_of(told: Told, *, baby: str, day: date, author: str, state: State) -> dict[str, Resource]:
    """What was measured or seen, by what it is."""
    observed: dict[str, Resource] = {}
    if told.grams is not None:
        observed["weight"] = {
            "code": {"coding": [{"system": LOINC, "code": WEIGHT, "display": "Body weight"}]},
            "category": [{"coding": [{"system": f"{HL7}/observation-category", "code": "vital-signs"}]}],
            "valueQuantity": {"value": told.grams, "unit": "g", "system": UCUM, "code": "g"},
        }
    if told.millilitres is not None and told.feed is not None:
        observed[FEED_VOLUME] = {
            "code": concept(FEED_VOLUME),
            "valueQuantity": {"value": told.millilitres, "unit": "mL", "system": UCUM, "code": "mL"},
            "component": [{"code": concept(FEED_KIND), "valueCodeableConcept": concept(told.feed.value)}],
        }
    if told.stool:
        observed[STOOL] = {"code": concept(STOOL), "valueString": told.stool}
    return {
        what: {
            "resourceType": "Observation",
            **_withheld(state),
            "identifier": [{"system": DIARY, "value": f"{name_of_day(baby, day)}.{what}"}],
            "status": _STATUS[state],
            "subject": {"reference": f"Patient/{baby}"},
            "effectiveDateTime": day.isoformat(),
            "performer": [{"reference": f"Practitioner/{author}"}],
            **resource,
        }
        for what, resource in observed.items()
    }


def entry_of(entry: Entry, references: Iterable[str], *, now: Instant) -> Resource:
    """The day's Composition; `references` are its Observations, as a bundle or the record names them."""
    section: Resource = {"title": "diary", "code": concept(DIARY_DAY)}
    if entry.told.note:
        section["text"] = {"status": "additional", "div": _BEFORE + html.escape(entry.told.note) + _AFTER}
    linked = [*references, *([f"DocumentReference/{entry.photo}"] if FHIR_ID.match(entry.photo) else [])]
    if entry.photo and not FHIR_ID.match(entry.photo):
        linked.append(entry.photo)
    if linked:
        section["entry"] = [{"reference": each} for each in linked]
    if len(section) == 2:
        section["emptyReason"] = {"coding": [{"system": f"{HL7}/list-empty-reason", "code": "unavailable"}]}
    said = [{"url": TAKEN_BACK, "valueString": entry.reason}] if entry.reason else []
    return {
        "resourceType": "Composition",
        **({"id": entry.id} if entry.id else {}),
        **({"meta": UNRELEASED} if entry.state is State.DRAFT else {}),  # of what is taken back a family reads why
        **({"extension": said} if said else {}),
        "identifier": {"system": DIARY, "value": name_of_day(entry.baby, entry.day)},
        "status": _STATUS[entry.state],
        "type": concept(DIARY_DAY),
        "subject": {"reference": f"Patient/{entry.baby}"},
        "date": to_fhir_instant(now),
        "author": [{"reference": f"Practitioner/{entry.author}"}],
        "title": "Newborn diary",
        "section": [section],
    }


def entry_from(composition: Element, *, version: int) -> Entry | None:
    """The day in a Composition, with the names of its Observations, which are read apart; None for any other."""
    identifier = composition.get("identifier") or {}
    baby = id_in(composition.get("subject"), "Patient")
    name = str(identifier.get("value", ""))
    state = _STATE.get(str(composition.get("status")))
    if identifier.get("system") != DIARY or not baby or state is None or not name.startswith(f"{baby}."):
        return None
    try:
        day = date.fromisoformat(name.removeprefix(f"{baby}."))
    except ValueError:
        return None
    sections = composition.get("section", ())
    linked = [each for section in sections for each in section.get("entry", ())]
    authors = [id_in(each, "Practitioner") for each in composition.get("author", ())]
    return Entry(
        id=str(composition["id"]),
        version=version,
        baby=baby,
        day=day,
        state=state,
        author=next(iter(authors), ""),
        reason=extension(composition, TAKEN_BACK),
        told=Told(note=_note_in(sections)),
        observations=tuple(found for each in linked if (found := id_in(each, "Observation"))),
        photo=next((found for each in linked if (found := id_in(each, "DocumentReference"))), ""),
    )


def told_in(note: str, observations: Iterable[Element]) -> Told:
    """What the parts of an entry say together."""
    grams: int | None = None
    millilitres: int | None = None
    feed: Feed | None = None
    stool = ""
    for each in observations:
        what = what_is(each)
        if what == "weight":
            grams = _whole(each)
        elif what == FEED_VOLUME:
            millilitres, feed = _whole(each), _feed_in(each)
        elif what == STOOL:
            stool = str(each.get("valueString", ""))
    return Told(grams=grams, millilitres=millilitres, feed=feed, stool=stool, note=note)


def what_is(observation: Element) -> str:
    """Which part of an entry an Observation is; empty for any other."""
    for coding in (observation.get("code") or {}).get("coding", ()):
        if coding.get("system") == LOINC and coding.get("code") == WEIGHT:
            return "weight"
        if coding.get("system") == NEWBORN and coding.get("code") in {FEED_VOLUME, STOOL}:
            return str(coding["code"])
    return ""


def restated(resource: Element, state: State) -> Resource:
    """The same Observation or photo at another place of its way; no family sees what is not released."""
    whole = {name: value for name, value in resource.items() if name != "meta"} | _withheld(state)
    if resource["resourceType"] == "DocumentReference":
        return {**whole, "docStatus": _STATUS[state]}
    return {**whole, "status": _STATUS[state]}


def photo_resource(photo: bytes, *, baby: str, day: date, author: str, now: Instant) -> Resource:
    """A photo that no family sees yet."""
    return {
        "resourceType": "DocumentReference",
        **_withheld(State.DRAFT),
        "identifier": [{"system": DIARY, "value": f"{name_of_day(baby, day)}.photo"}],
        "status": "current",
        "docStatus": "preliminary",
        "type": concept(DIARY_PHOTO),
        "subject": {"reference": f"Patient/{baby}"},
        "date": to_fhir_instant(now),
        "author": [{"reference": f"Practitioner/{author}"}],
        "content": [{"attachment": {"contentType": MEDIA_TYPE, "data": base64.b64encode(photo).decode()}}],
    }


def photo_in(document: Element, *, baby: str) -> tuple[State, bytes] | None:
    """The diary's photo in a DocumentReference about a baby; None for any other."""
    codings = (document.get("type") or {}).get("coding", ())
    is_photo = any(each.get("system") == NEWBORN and each.get("code") == DIARY_PHOTO for each in codings)
    state = _STATE.get(str(document.get("docStatus")))
    if not is_photo or state is None or id_in(document.get("subject"), "Patient") != baby:
        return None
    attachments = [each.get("attachment") or {} for each in document.get("content", ())]
    held = next((each for each in attachments if each.get("contentType") == MEDIA_TYPE and each.get("data")), None)
    try:
        return None if held is None else (state, base64.b64decode(held["data"], validate=True))
    except binascii.Error:
        return None


def gestation_resource(days: int, *, baby: str, author: str, day: date) -> Resource:
    """How long the pregnancy was when the baby was born, as a nurse read it in the notes of the birth."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": GESTATION, "display": "Gestational age--at birth"}]},
        "subject": {"reference": f"Patient/{baby}"},
        "effectiveDateTime": day.isoformat(),
        "performer": [{"reference": f"Practitioner/{author}"}],
        "valueQuantity": {"value": days, "unit": "d", "system": UCUM, "code": "d"},
    }


def born_of(patient: Element, observations: Iterable[Element]) -> Born | None:
    """What the growth of a baby hangs on, of Observations newest first; None without a day of birth."""
    try:
        day = date.fromisoformat(str(patient.get("birthDate", "")))
    except ValueError:
        return None
    gender = patient.get("gender")
    return Born(
        day=day,
        gestation_days=next((days for each in observations if (days := _gestation_in(each)) is not None), None),
        sex=Sex(gender) if gender in {each.value for each in Sex} else None,
    )


def weighed_from(entries: Iterable[Entry]) -> tuple[Weighed, ...]:
    """The weights of entries."""
    return tuple(Weighed(day=each.day, grams=each.told.grams) for each in entries if each.told.grams is not None)


def _gestation_in(observation: Element) -> int | None:
    quantity: Mapping[str, object] = observation.get("valueQuantity") or {}
    value, unit = quantity.get("value"), quantity.get("code")
    if observation.get("status") not in {"final", "amended", "corrected"} or not isinstance(value, int | float):
        return None
    return round(value * 7) if unit == "wk" else round(value) if unit == "d" else None


def _note_in(sections: Iterable[Element]) -> str:
    for each in sections:
        text = str((each.get("text") or {}).get("div", ""))
        if text.startswith(_BEFORE) and text.endswith(_AFTER):
            return html.unescape(text[len(_BEFORE) : -len(_AFTER)])
    return ""


def _feed_in(observation: Element) -> Feed | None:
    for component in observation.get("component", ()):
        for coding in (component.get("valueCodeableConcept") or {}).get("coding", ()):
            if coding.get("system") == NEWBORN and coding.get("code") in {each.value for each in Feed}:
                return Feed(coding["code"])
    return None


def _whole(observation: Element) -> int | None:
    value = (observation.get("valueQuantity") or {}).get("value")
    return round(value) if isinstance(value, int | float) else None


def _withheld(state: State) -> Resource:
    """The meta of an entry's parts in a state."""
    return {} if state is State.RELEASED else {"meta": UNRELEASED}
