"""Deliveries: objects arrive one by one and survive every interruption; a case is made of all of them or of none."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from tianfu.access.caller import Caller
from tianfu.db import Database, Transaction, queries
from tianfu.db.wire import int8_array, text_array
from tianfu.kernel.ids import is_uuid, new_uuid7
from tianfu.kernel.instants import SECOND, Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit import Auditor
from tianfu.records.deeds import Deeds
from tianfu.services.documents.keeping import Documents
from tianfu.services.imaging.about import described
from tianfu.services.imaging.cases import RULE, KeptObject, object_of, read_contents, unknown
from tianfu.services.imaging.limits import CASE_BYTES_MAX, OBJECT_BYTES_MAX, OBJECTS_MAX
from tianfu.standards.dicom.findings import Reading

if TYPE_CHECKING:
    from tianfu.standards.dicom.cases import Case

TAKE_IN, DISCARD = "take-in-imaging-case", "discard-imaging-delivery"

LISTED_MAX = 50

READ_AT_ONCE_MAX = 2
"""Of objects that arrive, in one process: each may inflate to OBJECT_BYTES_MAX. [ours]"""

DROPPED_SECONDS = 24 * 3_600
"""How long what was dropped can still be found by whoever sends it again. [ours]"""

Progress = Callable[[str, int, int], Awaitable[None]]
"""Told what is done, and how much of how much is; whatever it raises ends the work and nothing is taken in."""

_SQL = queries("tianfu.services.imaging.sql", "deliveries.sql")
_CASES = queries("tianfu.services.imaging.sql", "cases.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Objects on their way; `into` is the case to which they are added, None for a new one."""

    id: str
    organisation: str
    into: str | None
    state: str
    taken_into: str | None
    begun_by: str
    begun_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenIn:
    """The case that a delivery became part of, and all that was read of it."""

    case: str
    reading: Reading[Case]


class Deliveries:
    """The deliveries of an installation, each opened for its own organisation alone."""

    def __init__(self, database: Database, documents: Documents, auditor: Auditor, clock: Clock) -> None:
        self._database = database
        self._documents = documents
        self._deeds = Deeds(RULE, auditor, clock)
        self._clock = clock
        self._reading = asyncio.Semaphore(READ_AT_ONCE_MAX)

    async def begin(self, organisation: str, *, into: str | None, by: Caller) -> str:
        """A new delivery, for a new case or into one of the organisation; raises Refusal `case-unknown`."""
        delivery = new_uuid7()
        async with self._database.transaction("app") as transaction:
            if into is not None:
                await _held_case(transaction, into, organisation)
            await transaction.run(
                _SQL.add_delivery,
                delivery=delivery,
                organisation=organisation,
                into=into,
                by=by.id,
                now=self._clock(),
            )
        return delivery

    async def one(self, delivery: str, organisation: str) -> Delivery:
        """One delivery; raises Refusal `delivery-unknown`, also for another organisation's."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_SQL.delivery, delivery=_sound(delivery), organisation=organisation)
        return _delivery(row, organisation)

    async def of(self, organisation: str) -> tuple[Delivery, ...]:
        """What is on its way to an organisation, the newest first."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.deliveries, organisation=organisation, limit=LISTED_MAX)
        return tuple(_delivery(row, organisation) for row in rows)

    async def add(self, delivery: Delivery, content: bytes) -> KeptObject:
        """Keep an object, durable on return; the same bytes again change nothing.

        Raises Refusal for what is no DICOM object (`dicom-…`), `delivery-over` once it has ended, `case-too-many-files`
        and `case-too-large`.
        """
        async with self._reading:
            instance, modality = await asyncio.to_thread(_told, content)
        document = await self._documents.keep(content)
        kept = KeptObject(instance=instance, modality=modality, document=document, size_bytes=len(content))
        await self._add(delivery, kept)
        await self._documents.keep(content)  # it may have been forgotten a moment before it was somebody's
        return kept

    async def _add(self, delivery: Delivery, kept: KeptObject) -> None:
        async with self._database.transaction("app") as transaction:
            await _held(transaction, delivery)
            count, size = _numbers(await transaction.one(_SQL.arrived, delivery=delivery.id))
            if count >= OBJECTS_MAX:
                raise Refusal("case-too-many-files", details={"count": str(count + 1), "most": str(OBJECTS_MAX)})
            if size + kept.size_bytes > CASE_BYTES_MAX:
                raise Refusal(
                    "case-too-large", details={"bytes": str(size + kept.size_bytes), "most": str(CASE_BYTES_MAX)}
                )
            await transaction.run(
                _SQL.add_arrival,
                delivery=delivery.id,
                document=kept.document,
                instance=kept.instance,
                modality=kept.modality,
                bytes=kept.size_bytes,
                now=self._clock(),
            )

    async def take_back(self, delivery: Delivery, document: str) -> None:
        """Take one object out of a delivery again."""
        async with self._database.transaction("app") as transaction:
            await _held(transaction, delivery)
            await transaction.run(_SQL.take_back_arrival, delivery=delivery.id, document=document)
            await self._drop(transaction, [document])

    async def arrivals(self, delivery: Delivery) -> tuple[KeptObject, ...]:
        """What has arrived, in the order in which it came."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.arrivals, delivery=delivery.id)
        return tuple(map(_arrival, rows))

    async def discard(self, delivery: Delivery, *, by: Caller) -> None:
        """Drop what has arrived."""
        async with self._database.transaction("app") as transaction:
            await _held(transaction, delivery)
            dropped = [row[0] for row in await transaction.all(_SQL.empty_delivery, delivery=delivery.id)]
            await self._drop(transaction, dropped)
            await self._end(transaction, delivery, "discarded", None)
            await self._deeds.tell(transaction, by, DISCARD, delivery=delivery.id, organisation=delivery.organisation)

    async def take_in(self, delivery: Delivery, *, by: Caller, on_progress: Progress) -> TakenIn:
        """Read everything and make it a case, or add it to the delivery's case; a refusal leaves all as it was.

        Raises Refusal as `read_case` and `described` do, `delivery-empty`, and `delivery-over`.
        """
        arrived = await self.arrivals(delivery)
        if not arrived:
            raise Refusal("delivery-empty", next_step="add-files")
        former = await self._former(delivery)
        every = [*former, *(each for each in arrived if each not in former)]
        contents = []
        for number, each in enumerate(every, start=1):
            contents.append(await self._documents.content(each.document))
            await on_progress("reading", number, len(every))
        reading = await asyncio.to_thread(read_contents, contents)
        about = described(reading, Counter({each.instance: each.modality for each in every}.values()))
        await on_progress("keeping", 0, 1)
        document = await self._documents.keep(msgspec.json.encode(about))
        async with self._database.transaction("app") as transaction:
            await _held(transaction, delivery)
            if arrived != tuple(map(_arrival, await transaction.all(_SQL.arrivals, delivery=delivery.id))):
                raise Refusal("delivery-changed", next_step="send-again", retryable=True)
            case = await self._settled(transaction, delivery, document, former=len(former), by=by)
            await transaction.run(
                _CASES.add_objects,
                case=case,
                instances=text_array(each.instance for each in arrived),
                modalities=text_array(each.modality for each in arrived),
                documents=text_array(each.document for each in arrived),
                sizes=int8_array(each.size_bytes for each in arrived),
            )
            await transaction.all(_SQL.empty_delivery, delivery=delivery.id)
            await self._end(transaction, delivery, "taken", case)
            await self._deeds.tell(
                transaction,
                by,
                TAKE_IN,
                case=case,
                organisation=delivery.organisation,
                objects=str(len(arrived)),
            )
        return TakenIn(case=case, reading=reading)

    async def _former(self, delivery: Delivery) -> list[KeptObject]:
        if delivery.into is None:
            return []
        async with self._database.connection("app") as connection:
            return [object_of(row) for row in await connection.all(_CASES.objects_of, case=delivery.into)]

    async def _settled(
        self, transaction: Transaction, delivery: Delivery, about: str, *, former: int, by: Caller
    ) -> str:
        """The delivery's case, made or changed; `former` objects of it were read."""
        if delivery.into is not None:
            old = await _held_case(transaction, delivery.into, delivery.organisation)
            if len(await transaction.all(_CASES.objects_of, case=delivery.into)) != former:
                raise Refusal("delivery-changed", next_step="send-again", retryable=True)
            await self._drop(transaction, [old])
            await transaction.run(_CASES.change_case, case=delivery.into, about=about)
            return delivery.into
        case = new_uuid7()
        await transaction.run(
            _CASES.add_case,
            case=case,
            organisation=delivery.organisation,
            about=about,
            by=by.id,
            now=self._clock(),
        )
        return case

    async def _end(self, transaction: Transaction, delivery: Delivery, state: str, case: str | None) -> None:
        await transaction.run(_SQL.end_delivery, delivery=delivery.id, state=state, taken_into=case, now=self._clock())

    async def tidy(self) -> int:
        """Forget for good what was dropped a day ago and nobody has again; how many documents that were."""
        before = self._clock() - DROPPED_SECONDS * SECOND
        async with self._database.transaction("app") as transaction:
            await transaction.run(_SQL.let_nobody_add)
            forgotten = [row[0] for row in await transaction.all(_SQL.take_dropped, before=before)]
            await self._documents.forget(forgotten)
        return len(forgotten)

    async def _drop(self, transaction: Transaction, documents: Sequence[str]) -> None:
        await transaction.run(_SQL.drop_documents, documents=text_array(documents), now=self._clock())


def _told(content: bytes) -> tuple[str, str]:
    """SOP Instance UID and modality of an object."""
    from tianfu.standards.dicom.elements import Item  # loaded by the first object that arrives, as in `read_contents`
    from tianfu.standards.dicom.encoding import decode

    item = Item(dataset=decode(content, bytes_max=OBJECT_BYTES_MAX).dataset)
    modality = item.text("Modality")
    if "\0" in modality:  # PostgreSQL keeps none
        raise item.invalid("Modality")
    return item.uid("SOPInstanceUID"), modality


def _sound(delivery: str) -> str:
    if not is_uuid(delivery):
        raise _unknown()
    return delivery


def _unknown() -> Refusal:
    return Refusal("delivery-unknown", next_step="start-again")


def _delivery(row: Sequence[Any] | None, organisation: str) -> Delivery:
    if row is None:
        raise _unknown()
    delivery, into, state, taken_into, begun_by, begun_at = row
    return Delivery(
        id=str(delivery),
        organisation=organisation,
        into=None if into is None else str(into),
        state=state,
        taken_into=None if taken_into is None else str(taken_into),
        begun_by=begun_by,
        begun_at=Instant(begun_at),
    )


def _arrival(row: Sequence[Any]) -> KeptObject:
    document, instance, modality, size = row
    return KeptObject(instance=instance, modality=modality, document=document, size_bytes=int(size))


def _numbers(row: Sequence[Any] | None) -> tuple[int, int]:
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


async def _held(transaction: Transaction, delivery: Delivery) -> None:
    """Keep a delivery for oneself until the transaction ends; raises Refusal `delivery-over`."""
    row = await transaction.one(_SQL.hold_delivery, delivery=delivery.id, organisation=delivery.organisation)
    if _delivery(row, delivery.organisation).state != "arriving":
        raise Refusal("delivery-over", next_step="reload")


async def _held_case(transaction: Transaction, case: str, organisation: str) -> str:
    """Keep a case for oneself until the transaction ends; what it says of itself.  Raises Refusal `case-unknown`."""
    row = None
    if is_uuid(case):
        row = await transaction.one(_CASES.hold_case, case=case, organisation=organisation)
    if row is None:
        raise unknown()
    return str(row[1])
