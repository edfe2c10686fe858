"""Records as HTTP answers: entity tags, dates, places, and as much of a body as the client prefers."""

from __future__ import annotations

from tianfu.gateways.fhir.exchange import Answer, Header, Request
from tianfu.gateways.fhir.negotiation import etag, has_this_version, http_date, is_unchanged_since
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Answer as Found_
from tianfu.records.outcomes import Found, Gone, NotFound, Record
from tianfu.web.languages import Language
from tianfu.web.outcome import note, outcome_bytes


def version_headers(version: int, changed_at: int) -> tuple[Header, Header]:
    """The entity tag and the time of the change."""
    return (b"etag", etag(version)), (b"last-modified", http_date(changed_at))


def record_or_refusal(answer: Found_) -> Record:
    """The record; raises Refusal if there is none."""
    match answer:
        case Found(record):
            return record
        case Gone(since=_, version=version):
            raise Refusal("gone", next_step="read-an-earlier-version", details={"version": str(version)})
        case NotFound():
            raise Refusal("not-found", next_step="check-the-address")


def record_answer(request: Request, record: Record) -> Answer:
    """A record that was asked for, or that the client has it already."""
    headers = version_headers(record.version, record.changed_at)
    if _client_has_it(request, record):
        return Answer(status=304, headers=headers)
    return Answer(status=200, headers=headers, body=record.text)


def _client_has_it(request: Request, record: Record) -> bool:
    none_match = request.header(b"if-none-match")
    if none_match:
        return has_this_version(none_match, record.version)
    since = request.header(b"if-modified-since")
    return bool(since) and is_unchanged_since(since, record.changed_at)


def written_answer(
    request: Request, record: Record, *, status: int, is_created: bool, language: Language, done: str
) -> Answer:
    """A record that was written, with the body that the client prefers; `done` names what happened."""
    headers: tuple[Header, ...] = version_headers(record.version, record.changed_at)
    if is_created:
        place = f"{request.base}/{record.type}/{record.id}/_history/{record.version}"
        headers = (*headers, (b"location", place.encode()))
    match request.preferences.representation:
        case "minimal":
            return Answer(status=status, headers=headers)
        case "OperationOutcome":
            return Answer(
                status=status, headers=headers, body=outcome_bytes([note(done, language=language)], language=language)
            )
        case "representation" | None:
            return Answer(status=status, headers=headers, body=record.text)
