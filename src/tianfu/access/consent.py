"""What a FHIR Consent opens and closes (https://hl7.org/fhir/R4/consent.html), and what of it is not understood.

Two rules hold throughout: a permission of which anything is not understood opens nothing, and a denial of which
something is not understood closes more, never less.  In words: docs/rules/permission.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tianfu.access.elements import (
    ALWAYS,
    Element,
    Span,
    Target,
    choices,
    coded,
    coding,
    element,
    elements,
    instant_of,
    items,
    local,
    period_of,
    purposes_of,
)
from tianfu.access.labels import CONFIDENTIALITY, label_mask, label_of_security
from tianfu.access.purpose import Purpose
from tianfu.access.relation import ANYBODY, EVERY_PURPOSE, Age, Kind, Relation
from tianfu.access.rules import type_numbers
from tianfu.kernel.refusal import Fault
from tianfu.standards.fhir.definitions import definitions

UNDERSTOOD = frozenset({"id", "type", "period", "actor", "action", "securityLabel", "purpose", "class", "provision"})
"""The members of a provision that can be said as a relation; `code`, `data`, `dataPeriod` and extensions cannot."""


@dataclass(frozen=True, slots=True)
class ConsentReading:
    """The relations of a Consent, and `remarks` on every element because of which it opens less or closes more."""

    relations: tuple[Relation, ...]
    remarks: tuple[Fault, ...]


NOTHING_SAID = ConsentReading((), ())

SPECIAL_LEVEL = 5
"""From this level on records have special labels."""


def read_consent(consent: dict[str, Any]) -> ConsentReading:
    """What a Consent means; whoever writes one may refuse it while there are remarks.  Never raises."""
    if consent.get("status") != "active":
        return NOTHING_SAID
    patient = local(consent.get("patient"))
    if patient is None or patient.type != "Patient":
        return ConsentReading((), (Fault("Consent.patient", "patient-not-here"),))
    reader = _Reader(consent, patient)
    relations = [] if reader.is_not_about_reading else list(reader.root())
    remarks = {(each.path, each.code): each for each in reader.remarks}
    return ConsentReading(tuple(dict.fromkeys(relations)), tuple(remarks.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Denial:
    """What a denial closes; a denial within another provision has from that one what it does not say itself."""

    actors: tuple[int, ...] = (ANYBODY,)
    purposes: int = EVERY_PURPOSE
    labels: int = 0
    types: tuple[int, ...] | None = None
    span: Span = ALWAYS


@dataclass(slots=True)
class _Reader:
    """One Consent being read; remarks gather on the way."""

    consent: Element
    patient: Target
    remarks: list[Fault] = field(default_factory=list)

    @property
    def row(self) -> Element:
        found: Element = choices()["consent"]
        return found

    @property
    def scope(self) -> str | None:
        """The scope's code; None if it says none or several that we know."""
        codes = {code for system, code in coded(self.consent.get("scope")) if system == self.row["scope_system"]}
        return codes.pop() if len(codes) == 1 else None

    @property
    def is_not_about_reading(self) -> bool:
        return self.scope in self.row["scopes_not_about_reading"]

    def root(self) -> Iterable[Relation]:
        """What the whole Consent says."""
        provision = self.consent.get("provision", {})
        if not isinstance(provision, dict):
            self._remark("Consent.provision", "not-understood")
            return self._denials(_Denial())
        kind = provision.get("type")
        if kind is None and any(
            code in self.row["denying_policy_rules"] for _, code in coded(self.consent.get("policyRule"))
        ):
            kind = "deny"
        match kind:
            case "permit":
                return [*self._permission(provision, "Consent.provision"), *self._exceptions(provision)]
            case None:
                if provision:
                    self._remark("Consent.provision.type", "type-missing")
                return self._exceptions(provision)
            case _:
                return self._root_denial(provision)

    # Denials

    def _root_denial(self, provision: Element) -> Iterable[Relation]:
        if self._only_refuses_treatment(provision):
            return
        path, everything = "Consent.provision", _Denial(purposes=self._purposes_denied_unsaid())
        yield from self._denials(self._denial(provision, path, everything))
        for number, each in enumerate(items(provision.get("provision"))):
            place = f"{path}.provision[{number}]"
            if element(each).get("type") == "permit":
                # An exception to a denial cannot be said as a relation: the denial stands, and closes him too.
                self._remark(place, "permission-within-denial")
            else:
                yield from self._nested_denials(element(each), place, everything)

    def _only_refuses_treatment(self, provision: Element) -> bool:
        """A refusal of an operation is not a refusal of reading; it hides nothing from those who must know of it."""
        says = {"actor", "action", "securityLabel", "purpose", "class", "provision"}
        return self.scope == "treatment" and not says & provision.keys()

    def _purposes_denied_unsaid(self) -> int:
        """What a denial without purposes closes; a guardian's leaves his own way back to the child's record open."""
        if any(each is not None and each.type == "RelatedPerson" for each in self._performers()):
            return EVERY_PURPOSE & ~Purpose.PATIENT_REQUEST.bit
        return EVERY_PURPOSE

    def _exceptions(self, provision: Element) -> Iterable[Relation]:
        """The denials inside a permission; they bind those whom the permission names, if they name nobody else."""
        path, outer = "Consent.provision", _Denial(purposes=self._purposes_denied_unsaid())
        quiet = _Reader(self.consent, self.patient)
        inherited = quiet._denial(provision, path, outer)
        for number, each in enumerate(items(provision.get("provision"))):
            place = f"{path}.provision[{number}]"
            if element(each).get("type") != "permit":
                yield from self._nested_denials(element(each), place, inherited)

    def _nested_denials(self, provision: Element, path: str, inherited: _Denial) -> Iterable[Relation]:
        said = self._denial(provision, path, inherited)
        yield from self._denials(said)
        for number, each in enumerate(items(provision.get("provision"))):
            place = f"{path}.provision[{number}]"
            self._remark(place, "nested-too-deep")
            if element(each).get("type") != "permit":
                yield from self._nested_denials(element(each), place, said)

    def _denial(self, provision: Element, path: str, inherited: _Denial) -> _Denial:
        """What a denial closes: what of it is not understood falls away, so that it closes more."""
        for name in provision.keys() - UNDERSTOOD:
            self._remark(f"{path}.{name}", "not-understood")
        span = period_of(provision)
        if span is None:
            self._remark(f"{path}.period", "period-not-understood")
        return _Denial(
            actors=self._denied_actors(provision, path, inherited.actors),
            purposes=self._denied_purposes(provision, path, inherited.purposes),
            labels=self._denied_labels(provision, path, inherited.labels),
            types=self._denied_types(provision, path, inherited.types),
            span=ALWAYS if span is None else inherited.span if "period" not in provision else span,
        )

    def _denied_actors(self, provision: Element, path: str, inherited: tuple[int, ...]) -> tuple[int, ...]:
        if "actor" not in provision:
            return inherited
        found: list[int] = []
        for number, actor in enumerate(items(provision["actor"]) or [None]):
            target = local(element(actor).get("reference"))
            role = self._role(element(actor))
            if role is None or target is None or target.type not in {"Organization", "Practitioner", "RelatedPerson"}:
                self._remark(f"{path}.actor[{number}]", "actor-not-understood")
                return (ANYBODY,)
            found.append(target.number)
        return tuple(found)

    def _denied_purposes(self, provision: Element, path: str, inherited: int) -> int:
        if "purpose" not in provision:
            return inherited
        codes = self._codes(provision["purpose"], self.row["purpose_system"])
        known = self.row["purposes"]
        if codes is None or not codes <= known.keys():
            self._remark(f"{path}.purpose", "purpose-not-understood")
            return EVERY_PURPOSE
        return purposes_of(each for code in codes for each in known[code]["denies"])

    def _denied_labels(self, provision: Element, path: str, inherited: int) -> int:
        if "securityLabel" not in provision:
            return inherited
        mask = 0
        for each in items(provision["securityLabel"]) or [None]:
            pair = coding(element(each))
            bits = label_of_security(*pair) if pair else 0
            if not bits:
                self._remark(f"{path}.securityLabel", "label-not-understood")
                return 0
            mask |= bits
        return mask

    def _denied_types(self, provision: Element, path: str, inherited: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if "class" not in provision:
            return inherited
        types = self._types(provision["class"])
        if types is None:
            self._remark(f"{path}.class", "class-not-understood")
        return types

    def _denials(self, said: _Denial) -> Iterable[Relation]:
        for actor in said.actors:
            yield Relation(
                patient=self.patient.number,
                actor=actor,
                kind=Kind.CONSENT,
                purposes=said.purposes,
                labels=said.labels,
                types=said.types,
                since=said.span.first,
                until=said.span.end,
                denies=True,
            )

    # Permissions

    def _permission(self, provision: Element, path: str) -> list[Relation]:
        """What a permission opens; nothing at all if anything of it is not understood."""
        remarked = len(self.remarks)
        self._refuse_unknown(provision, path)
        ages = self._ages_permitted()
        span = period_of(provision)
        if span is None:
            self._remark(f"{path}.period", "period-not-understood")
        level, labels = self._ceiling(provision, path)
        types = self._types(provision["class"]) if "class" in provision else None
        if "class" in provision and types is None:
            self._remark(f"{path}.class", "class-not-understood")
        made = [
            Relation(
                patient=self.patient.number,
                actor=target.number,
                kind=kind,
                purposes=self._permitted_purposes(provision, path, kind),
                level=level,
                labels=labels,
                types=types,
                since=limits.first,
                until=limits.end,
                age=age,
            )
            for kind, target in self._permitted_actors(provision, path)
            if span is not None and (limits := self._limits(kind, span, path)) is not None
            for age in ages
        ]
        return made if len(self.remarks) == remarked else []

    def _refuse_unknown(self, provision: Element, path: str) -> None:
        """Remark on whatever makes a permission doubtful: in the Consent, in the provision, within it."""
        for name in ("modifierExtension", "implicitRules"):
            if name in self.consent:
                self._remark(f"Consent.{name}", "not-understood")
        if self.scope not in self.row["scopes"]:
            self._remark("Consent.scope", "scope-not-understood")
        if any(each.get("verified") is not True for each in elements(self.consent.get("verification"))):
            self._remark("Consent.verification", "not-verified")
        for name in provision.keys() - UNDERSTOOD:
            self._remark(f"{path}.{name}", "not-understood")
        if "action" in provision and not self._is_reading(provision["action"]):
            self._remark(f"{path}.action", "action-not-understood")
        for number, each in enumerate(items(provision.get("provision"))):
            if element(each).get("type") != "deny":
                self._remark(f"{path}.provision[{number}]", "permission-within-permission")
            elif "provision" in each:
                self._remark(f"{path}.provision[{number}]", "nested-too-deep")

    def _is_reading(self, actions: object) -> bool:
        """Whether reading is among what may be done, and every act is one that we know."""
        acts = [self._acts(each) for each in items(actions)]
        known = {*self.row["reading_actions"], *self.row["actions_besides_reading"]}
        said = set[str]().union(*acts)
        return all(acts) and said <= known and not said.isdisjoint(self.row["reading_actions"])

    def _acts(self, action: object) -> set[str]:
        return {code for system, code in coded(action) if system == self.row["action_system"]}

    def _performers(self) -> list[Target | None]:
        return [local(each) for each in items(self.consent.get("performer"))]

    def _ages_permitted(self) -> tuple[Age, ...]:
        """At which age of the patient a permission counts: any if it is his own, a child's if it is his guardian's."""
        performers = self._performers()
        if self.patient in performers:
            return (Age.ANY,)
        if not performers or any(each is None or each.type != "RelatedPerson" for each in performers):
            self._remark("Consent.performer", "performer-not-understood")
            return ()
        if self.row["guardians_consent_lasts_from_fourteen"]:
            return (Age.UNDER_FOURTEEN, Age.FOURTEEN_TO_SEVENTEEN)
        return (Age.UNDER_FOURTEEN,)

    def _permitted_actors(self, provision: Element, path: str) -> list[tuple[Kind, Target]]:
        found: list[tuple[Kind, Target]] = []
        for number, each in enumerate(items(provision.get("actor")) or [None]):
            target, role = local(element(each).get("reference")), self._role(element(each))
            if target and role == "recipient" and target.type in {"Organization", "Practitioner"}:
                found.append((Kind.CONSENT, target))
            elif target and role == "proxy" and target.type == "RelatedPerson" and target not in self._performers():
                found.append((Kind.PROXY, target))
            else:
                self._remark(f"{path}.actor[{number}]", "actor-not-understood")
        return found

    def _permitted_purposes(self, provision: Element, path: str, kind: Kind) -> int:
        """The purposes of a permission; a proxy's is always to look for the patient, others' never."""
        scope = self.row["scopes"].get(self.scope, {"allows": [], "otherwise": []})
        codes = self._codes(provision["purpose"], self.row["purpose_system"]) if "purpose" in provision else set()
        known = self.row["purposes"]
        if codes is None or not codes <= known.keys():
            self._remark(f"{path}.purpose", "purpose-not-understood")
            return 0
        asked = purposes_of(each for code in codes for each in known[code]["permits"])
        if kind is Kind.PROXY:
            mask = Purpose.PATIENT_REQUEST.bit if not codes or asked & Purpose.PATIENT_REQUEST.bit else 0
            allowed = self.scope == "patient-privacy"
        else:
            mask = asked & ~Purpose.PATIENT_REQUEST.bit if codes else purposes_of(scope["otherwise"])
            allowed = not mask & ~purposes_of(scope["allows"])
        if not mask or not allowed:
            self._remark(f"{path}.purpose", "purpose-not-for-this")
        return mask

    def _ceiling(self, provision: Element, path: str) -> tuple[int, int]:
        """Level and labels of a permission.

        A confidentiality code is a high-water mark: that much or less.  Sensitivity codes beside it say which special
        kinds are meant too; alone they would mean those kinds and no others, which cannot be said as a relation.
        """
        if "securityLabel" not in provision:
            return self.row["level_without_security_label"], 0
        marks, mask = set[str](), 0
        for each in items(provision["securityLabel"]) or [None]:
            pair = coding(element(each))
            if pair and pair[0] == CONFIDENTIALITY and pair[1] in self.row["levels"]:
                marks.add(pair[1])
            elif pair and (bits := label_of_security(*pair)):
                mask |= bits
            else:
                self._remark(f"{path}.securityLabel", "label-not-understood")
        if len(marks) != 1:
            self._remark(f"{path}.securityLabel", "label-without-one-confidentiality")
            return 0, 0
        level: int = self.row["levels"][marks.pop()]
        return level, mask | (label_mask(["restricted"]) if level >= SPECIAL_LEVEL else 0)

    def _limits(self, kind: Kind, span: Span, path: str) -> Span | None:
        """How long a permission lasts; a proxy's must say its end, and lasts no longer than the data say."""
        if kind is not Kind.PROXY:
            return span
        since = instant_of(self.consent.get("dateTime")) if span.since is None else span.since
        if span.until is None or since is None:
            self._remark(f"{path}.period", "proxy-without-end")
            return None
        return Span(since, span.until).at_most_days(choices()["proxy"]["days_max"])

    # Parts of both

    def _role(self, actor: Element) -> str | None:
        """Whether an actor is a recipient or a proxy; None for any other role."""
        codes = {code for system, code in coded(actor.get("role")) if system in self.row["role_systems"]}
        if codes and codes <= set(self.row["recipient_roles"]):
            return "recipient"
        return "proxy" if codes and codes <= set(self.row["proxy_roles"]) else None

    def _codes(self, values: object, system: str) -> set[str] | None:
        """The codes of Codings that all are of one system; None if one is not, or there is none."""
        pairs = [coding(element(each)) for each in items(values)]
        if not pairs or any(pair is None or pair[0] != system for pair in pairs):
            return None
        return {pair[1] for pair in pairs if pair}

    def _types(self, values: object) -> tuple[int, ...] | None:
        """The types that `class` names; None if one of them is not a type of R4."""
        codes = self._codes(values, self.row["class_system"])
        return type_numbers(codes) if codes is not None and codes <= definitions().type_numbers.keys() else None

    def _remark(self, path: str, code: str) -> None:
        self.remarks.append(Fault(path, code))
