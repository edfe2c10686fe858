"""The versions of one record, of all records of a type, or of everything (https://hl7.org/fhir/R4/http.html#history)."""

from __future__ import annotations

from urllib.parse import urlencode

from tianfu.gateways.fhir.addresses import Target
from tianfu.gateways.fhir.bundles import bundle, history_entry
from tianfu.gateways.fhir.door import Visit
from tianfu.gateways.fhir.exchange import Answer
from tianfu.gateways.fhir.limits import HISTORY_COUNT_DEFAULT, HISTORY_COUNT_MAX
from tianfu.kernel.instants import Instant, range_of
from tianfu.kernel.refusal import Refusal
from tianfu.records.search.refusals import malformed

_KNOWN = frozenset({"_count", "_since", "_cursor", "_format", "_pretty"})


async def history(visit: Visit, target: Target) -> Answer:
    """A page of versions, newest first."""
    request = visit.request
    _refuse_unknown(request.parameters, strict=request.preferences.strict)
    page = await visit.door.store.history(
        request.caller,
        request.purpose,
        target.type or None,
        target.id or None,
        limit=_limit(request.parameter("_count")),
        cursor=request.parameter("_cursor") or None,
        since=_since(request.parameter("_since")),
    )
    is_whole = not request.parameter("_cursor") and not request.parameter("_since")
    if target.id and is_whole and not page.entries:
        raise Refusal("not-found", next_step="check-the-address")
    address = "/".join([request.base, *request.segments])
    links = [("self", f"{address}?{urlencode(request.parameters)}" if request.parameters else address)]
    if page.next_cursor is not None:
        kept = [(name, value) for name, value in request.parameters if name != "_cursor"]
        links.append(("next", f"{address}?{urlencode([*kept, ('_cursor', page.next_cursor)])}"))
    entries = [history_entry(request.base, entry) for entry in page.entries]
    return Answer(status=200, body=bundle("history", at=page.as_of, links=links, total=None, entries=entries))


def _limit(text: str) -> int:
    if not text:
        return HISTORY_COUNT_DEFAULT
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < 1:
        raise malformed("_count", "a-whole-number")
    return min(int(text), HISTORY_COUNT_MAX)


def _since(text: str) -> Instant | None:
    if not text:
        return None
    try:
        return range_of(text.replace(" ", "+"))[0]
    except (ValueError, OverflowError) as error:
        raise malformed("_since", "an-instant") from error


def _refuse_unknown(parameters: list[tuple[str, str]], *, strict: bool) -> None:
    unknown = [name for name, _ in parameters if name not in _KNOWN]
    if unknown and strict:
        raise Refusal(
            "search-not-supported", details={"parameter": unknown[0][:100], "feature": "parameter-of-history"}
        )
