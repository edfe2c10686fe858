"""Documents: shared documents of WS/T 500 as Compositions, papers and certificates as DocumentReferences."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from hashlib import sha1
from html import escape

from demo.libraries import Chart, Resource
from demo.shapes.concepts import LOINC, OWN, coding, concept, moment, reference
from demo.shapes.visits import Visit
from demo.tables import table
from tianfu.standards.china import identifier_systems as systems

Section = tuple[str, str, tuple[str, ...]]


def compose(visit: Visit, key: str, sections: list[Section], *, when: datetime | None = None) -> str:
    """Write a shared document: sections of a title, a text and the records they rest on."""
    body: Resource = {
        "resourceType": "Composition",
        "status": "final",
        "type": _document_type(key),
        **visit.context,
        "date": moment(when or visit.end),
        "author": [reference(*visit.doctor)],
        "title": table("documents")["documents"][key]["title"],
        "custodian": reference(visit.place.organisation, visit.place.organisation_name),
        "section": [_section(*section) for section in sections],
    }
    return visit.write(body)


def file_document(
    chart: Chart,
    key: str,
    text: str,
    *,
    when: datetime,
    author: str,
    custodian: str,
    encounter: str | None = None,
    tags: tuple[Resource, ...] = (),
) -> str:
    """Write a document whose content is the given text."""
    row = table("documents")["documents"][key]
    content = text.encode()
    body: Resource = {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": _document_type(key),
        "subject": chart.subject,
        "date": moment(when),
        "author": [reference(author)],
        "custodian": reference(custodian),
        "description": row["title"],
        "content": [
            {
                "attachment": {
                    "contentType": "text/plain; charset=utf-8",
                    "language": "zh-CN",
                    "data": b64encode(content).decode(),
                    "size": len(content),
                    "hash": b64encode(sha1(content, usedforsecurity=False).digest()).decode(),
                    "title": row["title"],
                    "creation": moment(when),
                }
            }
        ],
    }
    if encounter:
        body["context"] = {"encounter": [reference(encounter)]}
    return chart.write(body, tags=tags)


def file_visit_document(visit: Visit, key: str, text: str) -> str:
    """Write a text document of a visit."""
    return file_document(
        visit.chart,
        key,
        text,
        when=visit.end,
        author=visit.doctor[0],
        custodian=visit.place.organisation,
        encounter=visit.reference,
        tags=visit.tags,
    )


def _document_type(key: str) -> Resource:
    row = table("documents")["documents"][key]
    if "code" in row:
        return concept(row["title"], coding(systems.DOCUMENT_TYPES, row["code"], row["title"]), *_english(key, row))
    return concept(row["title"], coding(f"{OWN}/document", row["key"], row["english"]))


def _english(key: str, row: Resource) -> list[Resource]:
    if key == "discharge-summary":
        return [coding(LOINC, "18842-5", "Discharge summary")]
    return [coding(f"{OWN}/document", key, row["english"])]


def _section(title: str, text: str, entries: tuple[str, ...]) -> Resource:
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{escape(text)}</div>'
    section: Resource = {"title": title, "text": {"status": "generated", "div": div}}
    if entries:
        section["entry"] = [reference(entry) for entry in entries]
    return section
