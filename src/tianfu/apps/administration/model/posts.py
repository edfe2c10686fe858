"""What is typed about a new member of staff or a place of work, read into values; and which roles a page offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tianfu.access.organisations import OrganisationTree
from tianfu.kernel.ids import FHIR_ID
from tianfu.kernel.refusal import Fault, Refusal
from tianfu.services.accounts.model.numbers import normal_number
from tianfu.services.accounts.model.offices import OFFICES, STAFF_ROLES, refuse_unless_below
from tianfu.services.accounts.model.people import Kind, Workplace

ROLES = (
    "doctor",
    "nurse",
    "pharmacist",
    "physicist",
    "township",
    "registrar",
    "steward",
    "regulator",
    "researcher",
    "administrator",
    "security",
    "officer",
)
"""Every role of a place of work in the order in which pages list them: care, keeping, then the three offices."""

TEXT_CHARACTERS_MAX = 100
PRACTISING_YEARS_MAX = 70

POST_FIELDS = ("organisation", "role", "title", "licence", "practising_since", "practitioner")
PERSON_FIELDS = ("name", "number")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostWish:
    """A place of work as it was asked for; what was left empty is None."""

    organisation: str
    role: str
    title: str | None
    licence: str | None
    practising_since: int | None
    practitioner: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonWish:
    """A new member of staff as asked for."""

    name: str
    number: str


def read_post(form: Mapping[str, str], *, year: int) -> PostWish:
    """A place of work from a form in this `year`; raises Refusal `post-unusable` with every fault."""
    faults = _faults_of_post(form, year)
    if faults:
        raise Refusal("post-unusable", faults=tuple(faults))
    since = form["practising_since"].strip()
    return PostWish(
        organisation=form["organisation"],
        role=form["role"],
        title=form["title"].strip() or None,
        licence=form["licence"].strip() or None,
        practising_since=int(since) if since else None,
        practitioner=form["practitioner"].strip() or None,
    )


def read_joining(form: Mapping[str, str], *, year: int) -> tuple[PersonWish, PostWish]:
    """A new member of staff with a first place of work; raises Refusal `post-unusable` with every fault."""
    faults = [*_faults_of_person(form), *_faults_of_post(form, year)]
    if faults:
        raise Refusal("post-unusable", faults=tuple(faults))
    return PersonWish(name=form["name"].strip(), number=form["number"]), read_post(form, year=year)


def roles_to_offer(appointer: Workplace, organisation: str, tree: OrganisationTree) -> tuple[str, ...]:
    """The roles that somebody may give in an organisation; the service decides again when one is given."""
    return tuple(role for role in ROLES if may_give(appointer, role, organisation, tree))


def may_give(appointer: Workplace, role: str, organisation: str, tree: OrganisationTree) -> bool:
    """Whether somebody gives and ends this role there."""
    try:
        refuse_unless_below(appointer, role, organisation, tree)
    except Refusal:
        return False
    return True


def is_office(role: str) -> bool:
    """Whether a role is one of the three administrators."""
    return role in OFFICES


def years_of_practice(workplace: Workplace, *, year: int) -> int | None:
    """For how many years somebody has practised in this `year`; None if it is not known."""
    return None if workplace.practising_since is None else max(0, year - workplace.practising_since)


def _faults_of_person(form: Mapping[str, str]) -> list[Fault]:
    faults = []
    if not form["name"].strip():
        faults.append(Fault("name", "staff-name-missing"))
    elif len(form["name"]) > TEXT_CHARACTERS_MAX or not form["name"].isprintable():
        faults.append(Fault("name", "staff-name-unreadable", {"most": str(TEXT_CHARACTERS_MAX)}))
    if not form["number"].strip():
        faults.append(Fault("number", "staff-number-missing"))
    elif normal_number(Kind.STAFF, form["number"]) is None:
        faults.append(Fault("number", "staff-number-malformed"))
    return faults


def _faults_of_post(form: Mapping[str, str], year: int) -> list[Fault]:
    faults = []
    if not FHIR_ID.match(form["organisation"]):
        faults.append(Fault("organisation", "organisation-missing"))
    if form["role"] not in OFFICES | STAFF_ROLES:
        faults.append(Fault("role", "role-missing"))
    faults += [
        Fault(field, "entry-too-long", {"most": str(TEXT_CHARACTERS_MAX)})
        for field in ("title", "licence")
        if len(form[field]) > TEXT_CHARACTERS_MAX or not form[field].isprintable()
    ]
    since = form["practising_since"].strip()
    if since and not _is_year(since, year):
        said = {"first": str(year - PRACTISING_YEARS_MAX), "last": str(year)}
        faults.append(Fault("practising_since", "practising-year-odd", said))
    if form["practitioner"].strip() and not FHIR_ID.match(form["practitioner"].strip()):
        faults.append(Fault("practitioner", "practitioner-malformed"))
    return faults


def _is_year(text: str, year: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) == 4 and year - PRACTISING_YEARS_MAX <= int(text) <= year
