"""From a piece of input to prepared changes and rejects; no input or output."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tianfu.kernel.ids import FHIR_ID, derived_id
from tianfu.kernel.refusal import Refusal, place_of
from tianfu.records.importing.files import Piece
from tianfu.records.prepare import Preparer
from tianfu.records.references import Resolve, rewritten
from tianfu.records.write import Change
from tianfu.standards.fhir.definitions import definitions
from tianfu.standards.fhir.parsing import parse_bundle, parse_resource

_LITERAL = re.compile(rb"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(/_history/[A-Za-z0-9\-.]{1,64})?\Z")
FAULTS_TOLD_MAX = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A record that was not taken: where it stands, and why; never what it says."""

    line: int
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A resource's text as it lies in the input, and the name it has there."""

    text: bytes
    line: int
    path: str
    source_id: str | None


def changes_of(piece: Piece, *, source: str, org: int, preparer: Preparer) -> tuple[list[Change], list[Reject], int]:
    """What a piece asks for: changes, rejects, and how many records occurred more than once (the last one counts)."""
    changes: dict[int, Change] = {}
    rejects: list[Reject] = []
    repeated = 0
    try:
        drafts, resolve = _drafts(piece, source)
    except Refusal as refusal:
        return [], [Reject(line=piece.first_line, path="Bundle", reason=_reason(refusal))], 0
    for draft in drafts:
        try:
            change = _change(draft, resolve, source=source, org=org, preparer=preparer)
        except Refusal as refusal:
            path = refusal.faults[0].path if refusal.faults else ""
            rejects.append(Reject(line=draft.line, path=_joined(draft.path, path), reason=_reason(refusal)))
        except Exception as error:
            # A record that we cannot read by a mistake of ours must not hold up the others.
            rejects.append(Reject(line=draft.line, path=draft.path, reason=f"unexpected {place_of(error)}"))
        else:
            repeated += change.write.record in changes
            changes[change.write.record] = change
    return list(changes.values()), rejects, repeated


def _reason(refusal: Refusal) -> str:
    said = " ".join(f"{name}={value}" for name, value in refusal.details.items())
    faults = "; ".join(str(fault) for fault in refusal.faults[:FAULTS_TOLD_MAX])
    return " ".join(part for part in (refusal.code, said, faults) if part)


def _joined(path: str, inner: str) -> str:
    return f"{path}.{inner}" if path and inner else path or inner


def _drafts(piece: Piece, source: str) -> tuple[Iterator[Draft], Resolve]:
    if piece.kind == "lines":
        return _line_drafts(piece), _resolver(source, {})
    return _bundle_drafts(piece, source)


def _line_drafts(piece: Piece) -> Iterator[Draft]:
    data = piece.data.removeprefix(codecs.BOM_UTF8) if piece.number == 0 else piece.data
    for number, text in enumerate(data.split(b"\n")):
        if text.strip():
            yield Draft(text, piece.first_line + number, "", None)


def _bundle_drafts(piece: Piece, source: str) -> tuple[Iterator[Draft], Resolve]:
    """A file that holds a bundle, or one resource alone."""
    data = piece.data.removeprefix(codecs.BOM_UTF8)
    try:
        bundle = parse_bundle(data)
    except Refusal as refusal:
        if refusal.code != "not-a-resource" or refusal.details.get("reason") != "not-a-bundle":
            raise
        return iter([Draft(data, 1, "", None)]), _resolver(source, {})
    if bundle.type == "history":
        raise Refusal("bundle-not-importable", details={"type": bundle.type})  # which version counts, it does not say
    names: dict[bytes, bytes] = {}
    drafts: list[Draft] = []
    for index, entry in enumerate(bundle.entries):
        path = f"Bundle.entry[{index}]"
        if entry.resource is None or entry.method in {"DELETE", "PATCH", "GET", "HEAD"}:
            raise Refusal("entry-not-importable", details={"entry": str(index), "method": entry.method or ""})
        named = _name_of(entry.resource, entry.full_url)
        if named is not None and entry.full_url:
            resource_type, source_id = named
            names[entry.full_url.encode()] = _derived(source, resource_type, source_id)
        drafts.append(Draft(entry.resource, index + 1, f"{path}.resource", named[1] if named else None))
    return iter(drafts), _resolver(source, names)


_HEADS = (
    re.compile(rb'\A\{"resourceType":"(?P<type>[A-Za-z]+)","id":"(?P<id>[A-Za-z0-9\-.]{1,64})"'),
    re.compile(rb'\A\{"id":"(?P<id>[A-Za-z0-9\-.]{1,64})","resourceType":"(?P<type>[A-Za-z]+)"'),
)
"""How nearly every resource begins; any other is read to learn its name."""


def _name_of(text: bytes, full_url: str | None) -> tuple[str, str] | None:
    """Type and source id of an entry: its own id, else the last part of its full address; None if it has none."""
    for head in _HEADS:
        if found := head.match(text):
            return found["type"].decode(), found["id"].decode()
    try:
        value = parse_resource(text).value
    except Refusal:
        return None  # it is refused with its reason when its turn comes
    source_id = value.get("id") or (full_url or "").replace(":", "/").rsplit("/", 1)[-1]
    return (value["resourceType"], source_id) if FHIR_ID.match(str(source_id)) else None


def _derived(source: str, resource_type: str, source_id: str) -> bytes:
    return f"{resource_type}/{derived_id(source, resource_type, source_id)}".encode()


def _resolver(source: str, names: dict[bytes, bytes]) -> Resolve:
    known: dict[bytes, bytes | None] = dict(names)
    types = definitions().type_numbers

    def resolve(target: bytes) -> bytes | None:
        if target in known:
            return known[target]
        match = _LITERAL.match(target)
        new = None
        if match is not None and match[1].decode() in types:
            new = _derived(source, match[1].decode(), match[2].decode())
        known[target] = new
        return new

    return resolve


def _change(draft: Draft, resolve: Resolve, *, source: str, org: int, preparer: Preparer) -> Change:
    text, unresolved = rewritten(draft.text, resolve)
    parsed = parse_resource(text)
    if parsed.value["resourceType"] == "Bundle":
        parsed = parse_resource(draft.text)  # a bundle within resolves its references itself
    elif unresolved:
        raise Refusal("reference-unresolved", details={"reference": unresolved[0]})
    source_id = parsed.value.get("id", draft.source_id)
    if not isinstance(source_id, str) or not source_id:
        raise Refusal("id-missing")
    write = preparer.write(parsed, derived_id(source, parsed.value["resourceType"], source_id))

    def has_content(version: int, body: bytes) -> bool:
        return preparer.opened(write.type, write.record, version, body) == write.stored

    return Change(write=write, is_new=False, has_content=has_content, org=org)
