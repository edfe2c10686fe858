"""Carry out bundles: a transaction happens together or not at all, of a batch each entry by itself.

In a transaction, what only reads sees what was written: https://hl7.org/fhir/R4/http.html#trules .
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from tianfu.access.caller import Caller
from tianfu.access.decision import Grant
from tianfu.access.purpose import Purpose
from tianfu.db import Transaction
from tianfu.kernel.refusal import Refusal, place_of, unexpected
from tianfu.records.matching import NO_MATCHES, Matcher
from tianfu.records.outcomes import Answer, Found, NotFound, Page, Unchanged, Written
from tianfu.records.prepare import Preparer
from tianfu.records.tracing import Tracer, events_of_bundle
from tianfu.records.transaction import (
    Planned,
    Request,
    conditions_of,
    identities_of,
    plan,
    read_requests,
    refuse_too_many,
)
from tianfu.records.writing import Writer, standing_versions, undisturbed
from tianfu.standards.fhir.parsing import ParsedBundle

ANSWER_BYTES_MAX = 32 << 20
"""When the answers to a bundle's entries hold this much, those that follow are refused."""

_log = structlog.get_logger("tianfu.records")


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleAnswer:
    """What became of one entry of a transaction or batch."""

    request: Request
    outcome: Written | Unchanged | Answer | Page | Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundles:
    """Does what the entries of bundles ask.

    `grant` tells what a caller may do (by an interaction and a request), `ask` answers an entry that only reads (by its
    address and a request).
    """

    writer: Writer
    matcher: Matcher
    preparer: Preparer
    tracer: Tracer
    grant: Callable[[Caller, Purpose, str, str], Awaitable[Grant]]
    ask: Callable[[Caller, Purpose, str, str], Awaitable[Answer | Page]]

    async def do(
        self, caller: Caller, purpose: Purpose, requests: Sequence[Request], request: str
    ) -> list[BundleAnswer]:
        """Do all of these or nothing, then answer those that only read; raises the Refusal of the first that fails."""
        grant = await self.grant(caller, purpose, "transaction", request)
        # Without a condition all is known before the database is asked.
        ready = None if any(conditions_of(requests)) else plan(requests, NO_MATCHES, self.preparer)
        done = await self._transact(grant, requests, ready, request)
        answered = {each.request.index for each in done}
        asking = [each for each in requests if each.index not in answered]
        answers = [*done, *await self._answers(caller, purpose, asking, request)]
        return sorted(answers, key=lambda answer: answer.request.index)

    async def batch(self, caller: Caller, purpose: Purpose, bundle: ParsedBundle, request: str) -> list[BundleAnswer]:
        """Do each entry by itself; one that cannot be done harms no other."""
        refuse_too_many(bundle.entries)
        answers: list[BundleAnswer] = []
        size_bytes = 0
        for number, entry in enumerate(bundle.entries):
            try:
                if size_bytes > ANSWER_BYTES_MAX:
                    raise Refusal("answer-too-large", next_step="ask-in-parts")
                (answer,) = await self.do(caller, purpose, read_requests([entry], first=number), request)
            except Refusal as refusal:
                await self.tracer.refused_entry(caller, purpose, entry.url or "", request, refusal)
                answers.append(BundleAnswer(request=_unread(number, entry.url or ""), outcome=refusal))
            except Exception as error:
                # One entry that we cannot do must not take the answers of those that were done.
                _log.error("entry_failed", error=place_of(error))
                answers.append(BundleAnswer(request=_unread(number, entry.url or ""), outcome=unexpected()))
            else:
                size_bytes += _size_bytes(answer.outcome)
                answers.append(answer)
        return answers

    @undisturbed
    async def _transact(
        self, grant: Grant, requests: Sequence[Request], ready: Sequence[Planned] | None, request: str
    ) -> list[BundleAnswer]:
        async with self.writer.transaction(grant, "transaction", request) as transaction:
            planned = await self._planned(transaction, grant, requests) if ready is None else ready
            to_do = [each for each in planned if each.change is not None]
            changes = [each.change for each in to_do if each.change is not None]
            outcomes = await self.writer.apply_permitted(
                transaction,
                changes,
                [grant] * len(changes),
                lambda _, now: events_of_bundle(grant, changes, planned, request, now),
            )
            for each, outcome in zip(to_do, outcomes, strict=True):
                if isinstance(outcome, Refusal):
                    raise _placed(outcome, each)
            matched = await self._heads(transaction, [each for each in planned if each.answer is not None and each.id])
        self.writer.learn_tokens(changes)
        done = {each.request.index: outcome for each, outcome in zip(to_do, outcomes, strict=True)}
        return [
            BundleAnswer(
                request=each.request,
                outcome=done.get(each.request.index) or matched.get(each.request.index) or each.answer or NotFound(),
            )
            for each in planned
        ]

    async def _planned(self, transaction: Transaction, grant: Grant, requests: Sequence[Request]) -> list[Planned]:
        deciding, asking = conditions_of(requests)
        identities = identities_of(requests, self.preparer)
        matches = await self.matcher.find(transaction, grant, deciding=deciding, asking=asking, identities=identities)
        return plan(requests, matches, self.preparer)

    async def _heads(self, transaction: Transaction, matched: Sequence[Planned]) -> dict[int, Unchanged]:
        """The versions of records that were matched and left alone, by the index of their entries."""
        names = {(each.request.type, each.id) for each in matched}
        heads = await standing_versions(transaction, names)
        return {each.request.index: heads[each.request.type, each.id] for each in matched}

    async def _answers(
        self, caller: Caller, purpose: Purpose, wanted: Sequence[Request], request: str
    ) -> list[BundleAnswer]:
        """The answers to entries that only read; they see what the bundle wrote."""
        answers: list[BundleAnswer] = []
        size_bytes = 0
        for each in wanted:
            outcome: Answer | Page | Refusal
            try:
                if size_bytes > ANSWER_BYTES_MAX:
                    raise Refusal("answer-too-large", kept="what-was-written", next_step="ask-in-parts")
                outcome = await self.ask(caller, purpose, each.url, request)
            except Refusal as refusal:
                outcome = refusal
            else:
                size_bytes += _size_bytes(outcome)
            answers.append(BundleAnswer(request=each, outcome=outcome))
        return answers


def _size_bytes(outcome: Written | Unchanged | Answer | Page | Refusal) -> int:
    """How much an answer to one entry holds."""
    match outcome:
        case Found(record):
            return len(record.text)
        case Page(records=records, included=included):
            return sum(len(record.text) for record in (*records, *included))
        case _:
            return 0


def _placed(refusal: Refusal, planned: Planned) -> Refusal:
    details = {**refusal.details, "entry": str(planned.request.index)}
    return Refusal(refusal.code, next_step=refusal.next_step, faults=refusal.faults, details=details)


def _unread(index: int, url: str) -> Request:
    return Request(
        index=index,
        method="",
        type="",
        id=None,
        condition=None,
        expected_version=None,
        full_url=None,
        resource=None,
        url=url,
    )
