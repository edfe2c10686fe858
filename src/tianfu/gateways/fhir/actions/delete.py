"""Take a record away; its versions stay in the history (https://hl7.org/fhir/R4/http.html#delete)."""

from __future__ import annotations

from tianfu.gateways.fhir.actions.write import criteria
from tianfu.gateways.fhir.addresses import Target
from tianfu.gateways.fhir.door import Visit
from tianfu.gateways.fhir.exchange import Answer
from tianfu.gateways.fhir.negotiation import etag, expected_version
from tianfu.records.outcomes import Unchanged, Written
from tianfu.web.outcome import note, outcome_bytes


async def delete(visit: Visit, target: Target) -> Answer:
    """Delete one record; deleting what is not there is no fault."""
    request = visit.request
    done = await visit.door.store.delete(
        request.caller,
        request.purpose,
        target.type,
        target.id,
        expected_version=expected_version(request.header(b"if-match")),
    )
    return _answer(visit, done)


async def delete_where(visit: Visit, target: Target) -> Answer:
    """Delete the one record that matches; several matches are refused."""
    request = visit.request
    done = await visit.door.store.delete_matching(
        request.caller,
        request.purpose,
        target.type,
        criteria(request),
        expected_version=expected_version(request.header(b"if-match")),
    )
    return _answer(visit, done)


def _answer(visit: Visit, done: Written | Unchanged) -> Answer:
    headers = ((b"etag", etag(done.version)),) if isinstance(done, Written) else ()
    if visit.request.preferences.representation != "OperationOutcome":
        return Answer(status=204, headers=headers)
    said = "deleted" if isinstance(done, Written) else "nothing-to-delete"
    language = visit.language
    return Answer(status=200, headers=headers, body=outcome_bytes([note(said, language=language)], language=language))
