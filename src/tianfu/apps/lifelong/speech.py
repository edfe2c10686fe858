"""Say the model's values in the reader's language: concepts, results, dates, changes."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any

from tianfu.apps.lifelong.model.entries import Finding, Flag, Range
from tianfu.apps.lifelong.model.people import Age
from tianfu.apps.lifelong.model.phases import Phase, PhaseSort
from tianfu.apps.lifelong.model.quantities import UNIT_KEYS, readable_unit, without_noise
from tianfu.apps.lifelong.model.trend import Point
from tianfu.apps.lifelong.model.when import Precision, When
from tianfu.apps.lifelong.model.wording import (
    CHINESE,
    ENGLISH,
    Coding,
    Concept,
    Spoken,
    best_name,
    language_of,
    strength_in,
)
from tianfu.web.formats import Formats
from tianfu.web.languages import Language

HL7 = "http://terminology.hl7.org/CodeSystem"
HL7_SYSTEMS = (
    "observation-category",
    "condition-category",
    "condition-clinical",
    "condition-ver-status",
    "allergyintolerance-clinical",
    "allergyintolerance-verification",
    "diagnostic-service-section",
    "v2-0074",
    "v3-ActCode",
    "v3-RoleCode",
    "v3-ObservationInterpretation",
    "v3-MaritalStatus",
    "v2-0131",
    "v2-0203",
    "claim-type",
    "adjudication",
    "claimcareteamrole",
    "dose-rate-type",
    "ex-diagnosistype",
    "ex-serviceplace",
    "goal-achievement",
    "immunization-recommendation-status",
    "organization-type",
    "processpriority",
    "flag-category",
)

SYSTEM_NAMES = {
    "http://loinc.org": "loinc",
    "http://snomed.info/sct": "snomed",
    "http://hl7.org/fhir/sid/cvx": "cvx",
    "http://dicom.nema.org/resources/ontology/DCM": "dicom",
    **{f"{HL7}/{name}": name for name in HL7_SYSTEMS},
}
"""Outside code systems for whose codes our catalogues hold names."""

STRENGTH_WORDS = ("万单位", "国际单位", "单位", "粒", "片", "袋", "揿", "丸", "支", "瓶", "贴", "喷", "吸", "滴", "枚")
"""Chinese words inside a medicine's strength; the longest first."""

OPEN_AGE = 120

CHOICE_TYPES = (
    "CodeableConcept",
    "Reference",
    "Quantity",
    "DateTime",
    "Date",
    "Period",
    "Range",
    "Ratio",
    "String",
    "Boolean",
    "PositiveInt",
    "UnsignedInt",
    "Integer",
    "Decimal",
    "Instant",
    "Timing",
    "Age",
    "Duration",
    "Coding",
    "Attachment",
    "Identifier",
    "SampledData",
    "Time",
    "Uri",
    "Code",
)
"""Types that FHIR sets behind the name of an element (https://hl7.org/fhir/R4/formats.html#choice)."""

_DATE = re.compile(r"\d{4}-\d{2}(-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?)?\Z")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
ARROWS = {
    Flag.CRITICAL_HIGH: "↑↑",
    Flag.CRITICAL_LOW: "↓↓",
    Flag.CRITICAL: "!!",
    Flag.HIGH: "↑",
    Flag.LOW: "↓",
    Flag.ABNORMAL: "!",
}


class Speech:
    """One reader's language applied to the model."""

    arrows = ARROWS

    def __init__(self, language: Language) -> None:
        self._language = language
        self._formats = Formats(language)

    def say(self, key: str, **values: object) -> str:
        """A phrase of ours."""
        return self._language.say(key, **values)

    def concept(self, concept: Concept) -> Spoken:
        """The best name: the writer's own words in the reader's script, else our catalogue's name, else any."""
        wants_han = self._language.tag.startswith("zh")
        is_name = bool(concept.text) and all(concept.text != coding.code for coding in concept.codings)
        if is_name and (language_of(concept.text) == CHINESE) == wants_han:
            return Spoken(concept.text, language_of(concept.text))
        own = concept.named(self._language.tag) or Spoken("", self._language.tag)
        said = next((term for coding in concept.codings if (term := self._term(coding))), own)
        return self._with_strength(said, concept.strength)

    def _with_strength(self, name: Spoken, strength: str) -> Spoken:
        """A medicine's name in another language than its writer's still says how strong it is."""
        if not strength or strength_in(name.text):
            return name
        words = [self._language.say(f"strength.{mark}") for mark in STRENGTH_WORDS]
        for mark, word in zip(STRENGTH_WORDS, words, strict=True):
            strength = strength.replace(mark, word)
        return Spoken(f"{name.text} {strength}", name.tag)

    def phase(self, phase: Phase) -> str:
        """The whole name of a phase with its ages: 青年 18–33岁."""
        return f"{self._language.say(f'phase.{phase.sort}')} {self.ages(phase)}".strip()

    def phase_short(self, phase: Phase) -> str:
        """A phase in as little room as can be: 18–33."""
        if phase.sort in (PhaseSort.BEFORE_BIRTH, PhaseSort.PREGNANCY):
            return self._language.say(f"phase-short.{phase.sort}")
        if phase.sort in (PhaseSort.MIDDLE, PhaseSort.OLDER):
            return f"{phase.age_from}+"
        return str(phase.age_from) if phase.age_from == phase.age_to else f"{phase.age_from}–{phase.age_to}"

    def ages(self, phase: Phase) -> str:
        """The years of age that a phase covers; nothing before birth."""
        if phase.sort is PhaseSort.BEFORE_BIRTH:
            return ""
        if phase.age_to >= OPEN_AGE:
            return self._language.say("phase.age-open", age=phase.age_from)
        if phase.age_from == phase.age_to:
            return self._language.say("phase.age", age=phase.age_from)
        return self._language.say("phase.ages", low=phase.age_from, high=phase.age_to)

    def age(self, age: Age) -> str:
        """An age: 34岁; 约46岁 if only the year of birth or death is known."""
        said = self._formats.age(age.born, age.on)
        return self._language.say("person.about", age=said) if age.is_about else said

    def title(self, concept: Concept, key: str) -> Spoken:
        """A title: the record's name for itself, else our phrase for its sort."""
        said = self.concept(concept)
        return said if said.text else self.phrase(key)

    def phrase(self, key: str) -> Spoken:
        """A phrase of ours; for a key that came from a record, its last part as English words."""
        if self._language.has(key):
            return Spoken(self._language.say(key), self._language.tag)
        return Spoken(words_of(key.rpartition(".")[2]), ENGLISH)

    def element(self, name: str) -> Spoken:
        """The name of a FHIR element; `valueQuantity` and its like go by the name without the type."""
        stem = next((name.removesuffix(one) for one in CHOICE_TYPES if name.endswith(one)), name)
        known = (key for key in (f"element.{name}", f"element.{stem}") if self._language.has(key))
        return self.phrase(next(known, f"element.{name}"))

    def code(self, name: str, code: str) -> Spoken:
        """The word for a code of a closed list."""
        key = f"code.{name}.{code}"
        return self.phrase(key if self._language.has(key) else f"code.{code}")

    def number(self, value: Decimal) -> str:
        """A number as the source wrote it, with thin spaces between thousands and without a computer's noise."""
        return self._formats.number(f"{without_noise(value):f}")

    def point(self, point: Point) -> str:
        """One value of a trend, with its comparator: >7.2."""
        return f"{point.comparator}{self.number(point.value)}"

    def value(self, finding: Finding) -> str:
        """What was found: a number with its unit, a coded answer, words, or its parts."""
        if finding.number is not None:
            return f"{finding.comparator}{self.number(finding.number)}"
        numbers = [part for part in finding.parts if part.number is not None]
        if numbers and len(numbers) == len(finding.parts) and len({part.unit for part in numbers}) == 1:
            return "/".join(self.value(part) for part in numbers)
        if finding.parts:
            said = [
                f"{self.concept(part.name).text} {self.value(part)} {self.unit_text(part.unit)}".strip()
                for part in finding.parts
            ]
            return self._language.say("format.list").join(said)
        if finding.moment:
            return self.when(finding.moment)
        return finding.words or self.concept(finding.answer).text

    def unit(self, finding: Finding) -> str:
        """The unit of a finding, or of its parts if they share one."""
        units = {part.unit for part in finding.parts}
        return self.unit_text(finding.unit or (units.pop() if len(units) == 1 else ""))

    def unit_text(self, unit: str) -> str:
        """A unit as people write it: our word for it if it is one, else UCUM's signs made readable."""
        key = UNIT_KEYS.get(unit)
        return self._language.say(f"unit.{key}") if key else readable_unit(unit)

    def arrow(self, finding: Finding) -> str:
        """The mark of a value outside its range; empty for one inside."""
        flag = finding.gravest
        return ARROWS[flag] if flag else ""

    def flag(self, flag: Flag | None) -> str:
        """The word for where a value lies."""
        return self._language.say(f"flag.{flag}") if flag else ""

    def range(self, limits: Range | None) -> str:
        """A reference range: 3.9–6.1, <5.1, >60."""
        if limits is None:
            return ""
        if limits.low is not None and limits.high is not None:
            return f"{self.number(limits.low)}–{self.number(limits.high)}"
        if limits.high is not None:
            return f"≤{self.number(limits.high)}"
        return f"≥{self.number(limits.low)}" if limits.low is not None else limits.text

    def when(self, when: When | None) -> str:
        """A date as exactly as it is known."""
        if when is None:
            return self._language.say("entry.undated")
        match when.precision:
            case Precision.YEAR:
                return self._formats.year(when.day)
            case Precision.MONTH:
                return self._formats.month(when.day)
            case Precision.DAY:
                return self._formats.day(when.day)
            case Precision.TIME:
                return self._formats.moment(when.low)

    def day(self, when: When) -> str:
        """The day of a moment, without its time."""
        return self._formats.day(when.day) if when.precision is Precision.TIME else self.when(when)

    def margin(self, when: When, today: date) -> tuple[str, str]:
        """The two short lines beside an entry: this year by day and weekday, earlier years by year and day."""
        day = when.day
        if when.precision is Precision.YEAR:
            return self._formats.year(day), ""
        if when.precision is Precision.MONTH:
            return self._formats.year(day), self._language.say(f"month-short.{day.month}")
        if day.year == today.year:
            return self._formats.day_of_year(day), self._formats.weekday(day)
        return self._formats.year(day), self._formats.day_of_year(day)

    def text(self, text: str) -> Spoken:
        """Words out of a record with the language they seem to be in."""
        return Spoken(text, language_of(text))

    def json_value(self, value: Any) -> str:
        """A changed element's value: short values as they are, structures by their most telling part."""
        if value is None:
            return ""
        if isinstance(value, dict) and isinstance(value.get("value"), (Decimal, int)):
            unit = self.unit_text(str(value.get("unit") or value.get("code") or value.get("currency") or ""))
            return f"{value.get('comparator', '')}{self._formats.number(value['value'])} {unit}".strip()
        if isinstance(value, dict):
            told = [value[name] for name in ("text", "display", "value", "code", "reference") if name in value]
            return self.json_value(told[0] if told else next(iter(value.values()), ""))
        if isinstance(value, list):
            return self._language.say("format.list").join(self.json_value(one) for one in value)
        if isinstance(value, bool):
            return self._language.say("answer.yes" if value else "answer.no")
        return self._plain_value(value)

    def _plain_value(self, value: Any) -> str:
        if isinstance(value, (Decimal, int)):
            return self._formats.number(value)
        if isinstance(value, str) and _DATE.match(value):
            return self.when(When.read(value))
        key = f"code.{value}"
        return self._language.say(key) if self._language.has(key) else str(value)

    def _term(self, coding: Coding) -> Spoken | None:
        system = SYSTEM_NAMES.get(coding.system)
        key = f"term.{system}.{coding.code}"
        if system is None or not self._language.has(key):
            return None
        return best_name([self._language.say(key)], self._language.tag)


def words_of(name: str) -> str:
    """`performedPeriod` as words: `Performed period`."""
    split = _CAMEL.sub(" ", name.replace("-", " ").replace("_", " "))
    return split[:1].upper() + split[1:].lower() if split else ""
