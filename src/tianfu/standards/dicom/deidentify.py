"""Take a patient's identity out of an object, the same way every time, and put it back (PS3.15 Annex E).

Basic Profile with Retain Longitudinal Temporal Information with Modified Dates: what is not known to be needed by
radiotherapy and free of identity is dropped, so the profile's list of what to remove need not be complete here.
A head's surface in a CT still shows a face: that is not taken away.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from typing import Final

from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.elements import Item
from tianfu.standards.dicom.names import Unknown, standard_name_of
from tianfu.standards.dicom.quiet import reading

KEY_BYTES_MIN = 32
"""A shorter key can be guessed. [ours]"""

SHIFT_DAYS_MAX = 3650
"""Dates move into the past by one day to ten years. [ours]"""

METHOD: Final = "Tianfu keyed profile of PS3.15 Annex E"
"""De-identification Method (0012,0063)."""

_DICOMS_OWN = "1.2.840.10008."
_NUMBERS = frozenset({"AT", "DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV", "CS", "TM"})
_WORDS_KEPT = frozenset(
    {
        "CodeMeaning",
        "CodeValue",
        "CodingSchemeDesignator",
        "FluenceModeID",
        "Manufacturer",
        "ManufacturerModelName",
        "RescaleType",
    }
)
"""Words that come from a table or a maker."""

_DROPPED = frozenset(
    {
        "EthnicGroup",
        "PatientAge",
        "PatientBirthTime",
        "PatientSexNeutered",
        "PatientSize",
        "PatientWeight",
        "PregnancyStatus",
        "SmokingStatus",
        "TypeOfPatientID",
    }
)
"""Numbers and codes that say who somebody is."""

_SEQUENCES_DROPPED = frozenset(
    {
        "OperatorIdentificationSequence",
        "PersonIdentificationCodeSequence",
        "ROICreatorSequence",
        "ROIInterpreterSequence",
        "InterlockResolutionUserSequence",
    }
)
_SEQUENCE_GROUPS = range(0x3002, 0x3010)
"""Sequences outside of radiotherapy's groups are dropped: none of our readers needs one."""

_EMPTIED = frozenset(
    {
        "AccessionNumber",
        "DeviceSerialNumber",
        "InstitutionName",
        "OperatorsName",
        "PatientBirthDate",
        "PatientSex",
        "PositionReferenceIndicator",
        "ReferringPhysicianName",
        "ROIInterpreter",
        "ReviewerName",
        "StudyID",
    }
)
"""Type 2 of what we write: it must stand there, and be empty."""

_SAID_OTHERWISE: Mapping[str, str] = {
    "BeamName": "BEAM",
    "ROIName": "ROI",
    "RTPlanLabel": "PLAN",
    "StructureSetLabel": "STRUCTURES",
    "TreatmentMachineName": "MACHINE",
}
"""Free words that something must stand for: the same words, the same stand-in."""

_RESTORED = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID")


@dataclass(frozen=True, kw_only=True)
class Link:
    """What leads back from one object to its patient: to be kept where the key is, never with the object.

    `values` are what the object said of the patient; `uids` and `words` are pairs of ours and theirs, words with their
    attribute before them; `days` is what every date was moved by.
    """

    pseudonym: str
    days: int
    values: tuple[tuple[str, str], ...]
    uids: tuple[tuple[str, str], ...]
    words: tuple[tuple[str, str, str], ...]


@dataclass(kw_only=True)
class _Work:
    key: bytes
    patient: str
    days: int
    uids: dict[str, str] = field(default_factory=dict)
    words: dict[tuple[str, str], str] = field(default_factory=dict)

    def digest(self, purpose: str, text: str) -> bytes:
        return _digest(self.key, purpose, self.patient, text)

    def uid(self, text: str) -> str:
        """Our own UID for one of theirs; those that DICOM gives out mean a kind and stay."""
        if not text or text.startswith(_DICOMS_OWN):
            return text
        ours = _uid(self.key, text)
        self.uids[ours] = text
        return ours

    def word(self, keyword: str, text: str) -> str:
        """A stand-in for free words; a structure gets its standard name, if no other one of the object has it."""
        if not text:
            return text
        known = standard_name_of(text) if keyword == "ROIName" else Unknown(text=text)
        hidden = f"{_SAID_OTHERWISE[keyword]}_{self.digest(keyword, text).hex()[:8].upper()}"[:16]
        standing = hidden if isinstance(known, Unknown) else known.name
        if self.words.get((keyword, standing), text) != text:
            standing = hidden
        self.words[keyword, standing] = text
        return standing


def deidentified(dataset: Dataset, *, key: bytes) -> tuple[Dataset, Link]:
    """A new data set without identity, and the link back; the same key and data set give the same, in every process.

    UIDs change by the key alone, so that objects of a case stay linked; dates by the key and the patient.  Raises
    Refusal `deidentify-without-patient` if there is no Patient ID, `dicom-unreadable` for what cannot be parsed.
    """
    if len(key) < KEY_BYTES_MIN:
        raise ValueError(f"a key has at least {KEY_BYTES_MIN} bytes")
    with reading():
        item = Item(dataset=dataset)
        patient = item.text("PatientID")
        if not patient:
            raise Refusal("deidentify-without-patient")
        work = _Work(key=key, patient=patient, days=_shift_days(key, patient))
        values = tuple((keyword, item.text(keyword)) for keyword in _RESTORED if keyword in dataset)
        hidden = _hidden(dataset, work)
        pseudonym = _pseudonym(key, patient)
        hidden.PatientID = hidden.PatientName = pseudonym
        hidden.PatientIdentityRemoved = "YES"
        hidden.DeidentificationMethod = METHOD
        hidden.LongitudinalTemporalInformationModified = "MODIFIED"
        hidden.SpecificCharacterSet = "ISO_IR 192"
    words = tuple((keyword, ours, theirs) for (keyword, ours), theirs in work.words.items())
    link = Link(pseudonym=pseudonym, days=work.days, values=values, uids=tuple(work.uids.items()), words=words)
    return hidden, link


def relinked(dataset: Dataset, *links: Link) -> Dataset:
    """The data set with its patient, UIDs, dates and words again, from the links of one patient's objects.

    What was made since keeps its own UIDs.  Raises Refusal `relink-other-patient` if it is not of that patient.
    """
    with reading():
        pseudonym = Item(dataset=dataset).text("PatientID")
        if not links or any(link.pseudonym != pseudonym for link in links):
            raise Refusal("relink-other-patient")
        uids = {ours: theirs for link in links for ours, theirs in link.uids}
        words = {(keyword, ours): theirs for link in links for keyword, ours, theirs in link.words}
        known = deepcopy(dataset)
        _restore(known, uids, words, -links[0].days)
        for keyword, value in links[0].values:
            setattr(known, keyword, value)
        for keyword in ("PatientIdentityRemoved", "DeidentificationMethod", "LongitudinalTemporalInformationModified"):
            if keyword in known:
                delattr(known, keyword)
    return known


def refuse_other_key(link: Link, *, key: bytes) -> None:
    """Raises Refusal `relink-other-key` for a link that was not made with this key, or was changed since."""
    patient = dict(link.values).get("PatientID", "")
    is_ours = (
        link.pseudonym == _pseudonym(key, patient)
        and link.days == _shift_days(key, patient)
        and all(ours == _uid(key, theirs) for ours, theirs in link.uids)
    )
    if not is_ours:
        raise Refusal("relink-other-key")


def _pseudonym(key: bytes, patient: str) -> str:
    return f"TF{_digest(key, 'patient', patient, patient).hex()[:16].upper()}"


def _uid(key: bytes, text: str) -> str:
    return f"2.25.{int.from_bytes(_digest(key, 'uid', text)[:16])}"


def _digest(key: bytes, *parts: str) -> bytes:
    return hmac.digest(key, "\0".join(parts).encode(), "sha256")


def _shift_days(key: bytes, patient: str) -> int:
    return -1 - int.from_bytes(_digest(key, "dates", patient)[:8]) % SHIFT_DAYS_MAX


def _hidden(dataset: Dataset, work: _Work) -> Dataset:
    hidden = Dataset()
    for tag in sorted(dataset.keys()):
        if tag.is_private or not keyword_for_tag(tag):
            continue
        element = _hidden_element(dataset[tag], work)
        if element is not None:
            hidden.add(element)
    return hidden


def _hidden_element(element: DataElement, work: _Work) -> DataElement | None:
    keyword = element.keyword
    if element.VR == "SQ":
        return _hidden_sequence(element, work)
    if keyword in _EMPTIED:
        return DataElement(element.tag, element.VR, None)
    if keyword in _DROPPED:
        return None
    if keyword in _SAID_OTHERWISE:
        return _changed(element, lambda text: work.word(keyword, text))
    if element.VR == "UI":
        return _changed(element, work.uid)
    if element.VR in {"DA", "DT"}:
        return _changed(element, lambda text: shifted(text, work.days))
    if element.VR in _NUMBERS or keyword in _WORDS_KEPT or keyword == "PixelData":
        return deepcopy(element)
    return None


def _hidden_sequence(element: DataElement, work: _Work) -> DataElement | None:
    if element.tag.group not in _SEQUENCE_GROUPS or element.keyword in _SEQUENCES_DROPPED:
        return None
    return DataElement(element.tag, "SQ", [_hidden(item, work) for item in element.value or ()])


def _changed(element: DataElement, change: Callable[[str], str]) -> DataElement:
    texts = [change(text) for text in _texts(element)]
    return DataElement(element.tag, element.VR, texts[0] if len(texts) == 1 else texts or None)


def _texts(element: DataElement) -> Iterator[str]:
    values = element.value if isinstance(element.value, MultiValue | list) else [element.value]
    for value in values:
        if value not in (None, ""):
            yield str(value)


def shifted(text: str, days: int) -> str:
    """A date, or a date with a time after it, moved by so many days; empty if it is no date of eight digits."""
    try:
        day = datetime.strptime(text[:8], "%Y%m%d").date()  # noqa: DTZ007 - a date has no zone
        return _eight_digits(day + timedelta(days=days)) + text[8:]
    except (ValueError, OverflowError):
        return ""


def _eight_digits(day: date) -> str:
    return f"{day.year:04}{day.month:02}{day.day:02}"


def _restore(dataset: Dataset, uids: Mapping[str, str], words: Mapping[tuple[str, str], str], days: int) -> None:
    for tag in list(dataset.keys()):
        element = dataset[tag]
        keyword = element.keyword
        if element.VR == "SQ":
            for item in element.value or ():
                _restore(item, uids, words, days)
        elif element.VR == "UI":
            dataset[tag] = _changed(element, partial(_said, uids))
        elif element.VR in {"DA", "DT"}:
            dataset[tag] = _changed(element, lambda text: shifted(text, days))
        elif keyword in _SAID_OTHERWISE:
            said = {ours: theirs for (attribute, ours), theirs in words.items() if attribute == keyword}
            dataset[tag] = _changed(element, partial(_said, said))


def _said(said: Mapping[str, str], text: str) -> str:
    return said.get(text, text)
