"""The functions that FHIR adds.  https://hl7.org/fhir/R4/fhirpath.html#functions"""

from __future__ import annotations

from collections.abc import Mapping

from tianfu.standards.fhir.definitions import definitions
from tianfu.standards.fhir.fhirpath.frames import Closure, Frame
from tianfu.standards.fhir.fhirpath.functions.registry import Function
from tianfu.standards.fhir.fhirpath.model import is_a, is_fhir_type, is_primitive
from tianfu.standards.fhir.fhirpath.nodes import Collection, Item, Json, Node, node_of, step, system_value, type_of
from tianfu.standards.fhir.fhirpath.references import contained, type_in_url, type_of_reference
from tianfu.standards.fhir.fhirpath.refusals import FailedEvaluation
from tianfu.standards.fhir.fhirpath.singletons import of, of_truth, one, text_in

Arguments = tuple[Closure, ...]
CORE_PROFILES = "http://hl7.org/fhir/StructureDefinition/"


def _extension(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
    url = text_in(arguments[0](frame))
    return [
        extension
        for item in items
        for extension in step(item, "extension")
        if isinstance(extension, Node) and isinstance(extension.value, dict) and extension.value.get("url") == url
    ]


def _has_value(_frame: Frame, items: Collection, _arguments: Arguments) -> Collection:
    return [len(items) == 1 and _is_value(items[0])]


def _get_value(_frame: Frame, items: Collection, _arguments: Arguments) -> Collection:
    if len(items) != 1 or not _is_value(items[0]):
        return []
    return of(system_value(items[0]))


def _is_value(item: Item) -> bool:
    return not isinstance(item, Node) or (is_primitive(item.type) and item.value is not None)


def _resolve(frame: Frame, items: Collection, _arguments: Arguments) -> Collection:
    return [target for item in items for target in _targets(frame, item)]


def _targets(frame: Frame, item: Item) -> Collection:
    """The resource that one item refers to; only its type is known if there is no service to find it."""
    root = frame.run.root.value if isinstance(frame.run.root, Node) else None
    url = _url_in(item)
    if url is not None and url.startswith("#"):
        inside = contained(url, root)
        return [] if inside is None else [node_of(inside, "Resource")]
    resolve = frame.run.services.resolve
    if resolve is not None:
        found = resolve(url) if url is not None else None
        return [] if found is None else [node_of(found, "Resource")]
    if isinstance(item, Node) and item.type == "Reference":
        return _unseen(type_of_reference(item.value, root))
    return _unseen(None if url is None else type_in_url(url))


def _unseen(type_name: str | None) -> Collection:
    return [] if type_name is None else [Node(None, type_name)]


def _url_in(item: Item) -> str | None:
    if isinstance(item, Node) and item.type == "Reference":
        reference = item.value.get("reference") if isinstance(item.value, dict) else None
        return reference if isinstance(reference, str) else None
    value = system_value(item)
    return value if isinstance(value, str) else None


def _conforms_to(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
    item, profile = one(items), text_in(arguments[0](frame))
    if not isinstance(item, Node) or profile is None:
        return []
    name = profile.removeprefix(CORE_PROFILES)
    if name != profile and is_fhir_type(name):
        return [is_a(item.type, name)]
    conforms = frame.run.services.conforms
    answer = None if conforms is None else conforms(item.value, profile)
    if answer is None:
        raise FailedEvaluation("unknown-profile", said=profile)
    return [answer]


def _member_of(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
    item, value_set = one(items), text_in(arguments[0](frame))
    if item is None or value_set is None:
        return []
    coded: Json = item.value if isinstance(item, Node) else item
    is_member = frame.run.services.is_member
    if is_member is not None:
        return of_truth(is_member(coded, value_set))
    return [any(pair in _codings(value_set) for pair in _pairs(coded))]


def _codings(value_set: str) -> frozenset[tuple[str | None, str]]:
    known = definitions()
    name = value_set.partition("|")[0]
    codes = known.required_codes(name)
    if codes is None:
        raise FailedEvaluation("unknown-value-set", said=value_set)
    return frozenset({*known.codings.get(name, ()), *((None, code) for code in codes)})


def _pairs(coded: Json) -> list[tuple[str | None, str]]:
    """The (system, code) pairs of a code, Coding or CodeableConcept."""
    if isinstance(coded, str):
        return [(None, coded)]
    if not isinstance(coded, dict):
        return []
    if "coding" in coded:
        return [pair for coding in coded["coding"] for pair in _pairs(coding)]
    return [(coded.get("system"), coded["code"])] if "code" in coded else []


def _subsumption(*, upwards: bool) -> Function:
    def apply(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
        item, other = one(items), one(arguments[0](frame))
        subsumes = frame.run.services.subsumes
        if subsumes is None:
            raise FailedEvaluation("service-missing", said="terminology")
        if not isinstance(item, Node) or not isinstance(other, Node):
            return []
        pair = (other.value, item.value) if upwards else (item.value, other.value)
        return of_truth(subsumes(*pair))

    return Function(apply, 1, 1, gives="Boolean", one_item=True)


def _html_checks(frame: Frame, items: Collection, _arguments: Arguments) -> Collection:
    text = text_in(items)
    is_safe = frame.run.services.is_safe_html
    if is_safe is None:
        raise FailedEvaluation("service-missing", said="html")
    return [] if text is None else [is_safe(text)]


def _type(_frame: Frame, items: Collection, _arguments: Arguments) -> Collection:
    return [type_of(item) for item in items]


def _trace(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
    name = text_in(arguments[0](frame))
    trace = frame.run.services.trace
    if trace is not None:
        shown = items
        if len(arguments) > 1:
            shown = [made for index, item in enumerate(items) for made in arguments[1](frame.turn(item, index))]
        trace(name or "", [item.value if isinstance(item, Node) else item for item in shown])
    return items


FHIR: Mapping[str, Function] = {
    "extension": Function(_extension, 1, 1),
    "hasValue": Function(_has_value, gives="Boolean", one_item=True),
    "getValue": Function(_get_value, one_item=True),
    "resolve": Function(_resolve),
    "conformsTo": Function(_conforms_to, 1, 1, gives="Boolean", one_item=True),
    "memberOf": Function(_member_of, 1, 1, gives="Boolean", one_item=True),
    "subsumes": _subsumption(upwards=False),
    "subsumedBy": _subsumption(upwards=True),
    "htmlChecks": Function(_html_checks, gives="Boolean", takes="text", one_item=True),
    "type": Function(_type),
    "trace": Function(_trace, 1, 2, gives="same", each_item=True),
}
