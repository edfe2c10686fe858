"""Patient resources as the people of our model.  https://hl7.org/fhir/R4/patient.html"""

from __future__ import annotations

from collections.abc import Sequence

from tianfu.apps.lifelong.mapping.elements import Element, display_in, id_in, reference_in, when_in
from tianfu.apps.lifelong.model.people import LibraryPatient
from tianfu.apps.lifelong.model.wording import CHINESE, language_of
from tianfu.kernel.refusal import Refusal
from tianfu.standards.china.identifier_systems import IDENTITY_NUMBER
from tianfu.standards.china.identity_number import parse_identity_number

NAME_USES = ("official", "usual", None, "temp", "nickname", "anonymous", "maiden", "old")


def patient_of(resource: Element) -> LibraryPatient:
    """What a Patient resource says."""
    names = _names(resource.get("name", ()))
    identifiers = [one for one in resource.get("identifier", ()) if one.get("value")]
    organisation = resource.get("managingOrganization")
    successors = [link for link in resource.get("link", ()) if link.get("type") == "replaced-by"]
    return LibraryPatient(
        id=resource["id"],
        library=resource.get("meta", {}).get("source", "") or reference_in(organisation),
        library_name=display_in(organisation),
        organisation=reference_in(organisation),
        name=names[0] if names else "",
        other_names=tuple(names[1:]),
        sex=resource.get("gender", "unknown"),
        born=when_in(resource.get("birthDate")),
        died=when_in(resource.get("deceasedDateTime")),
        is_dead="deceasedDateTime" in resource or resource.get("deceasedBoolean", False),
        identity_number=identity_number_of(identifiers),
        identifier_tails=tuple(str(one["value"])[-4:] for one in identifiers),
        is_replaced=bool(successors),
        replaced_by=next((id_in(one.get("other"), "Patient") for one in successors), ""),
        is_active=resource.get("active") is not False,
    )


def identity_number_of(identifiers: Sequence[Element]) -> str | None:
    """The resident identity number in its long form, if there is a valid one."""
    for identifier in identifiers:
        if identifier.get("system") == IDENTITY_NUMBER:
            try:
                return parse_identity_number(str(identifier["value"])).text
            except Refusal:
                continue
    return None


def _names(elements: Sequence[Element]) -> list[str]:
    order = {use: place for place, use in enumerate(NAME_USES)}
    ranked = sorted(elements, key=lambda name: order.get(name.get("use"), len(order)))
    return list(dict.fromkeys(text for text in map(written_name, ranked) if text))


def written_name(name: Element) -> str:
    """A HumanName as its bearer writes it: family name first and unspaced in Chinese, last in English."""
    if text := name.get("text"):
        return str(text)
    family, given = str(name.get("family", "")), [str(one) for one in name.get("given", ())]
    if language_of(family + "".join(given)) == CHINESE:
        return family + "".join(given)
    return " ".join([*given, family]).strip()
