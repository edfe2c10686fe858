"""A plan as a work without a database: a case, documents and a running work that are held in memory."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from demo.radiotherapy.objects import written

from tests.radiotherapy_plan import phantom_table, small_case, small_machine, small_wish
from tianfu.apps.radiotherapy.jobs import Bench
from tianfu.apps.radiotherapy.machine_files import Endorsed
from tianfu.apps.radiotherapy.model.machines.writing import write_machine
from tianfu.apps.radiotherapy.model.transport.density_tables import write_density_table
from tianfu.apps.radiotherapy.plan_asking import PlanChoice
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.documents.keeping import Documents
from tianfu.services.imaging.cases import Cases, KeptCase, KeptObject
from tianfu.services.imaging.deliveries import Deliveries
from tianfu.services.jobs.doing import GivenUp
from tianfu.standards.dicom.cases import Case
from tianfu.standards.dicom.findings import Reading

AT = Instant(1_774_000_000_000_000)
CASE = "01900000-0000-7000-8000-000000000001"


def small_contents() -> list[bytes]:
    """The small case as files."""
    objects = written(small_case())
    return [content for contents in objects.files.values() for content in contents]


def small_choice(**changes: Any) -> PlanChoice:
    """The small plan on the small machine, nothing chosen but what must be."""
    return PlanChoice(
        wish=small_wish(**changes),
        machine=Endorsed(content=write_machine(small_machine()), signatures=(), signatories=None),
        density_table=write_density_table(phantom_table()),
        structure_set=None,
        images=None,
        protocol=None,
    )


@dataclass
class Papers:
    """Documents in memory, named by their digest."""

    contents: dict[str, bytes] = field(default_factory=dict)

    async def keep(self, content: bytes) -> str:
        """As `Documents.keep`."""
        name = hashlib.sha256(content).hexdigest()
        self.contents[name] = content
        return name

    async def content(self, name: str) -> bytes:
        """As `Documents.content`."""
        if name not in self.contents:
            raise Refusal("document-unknown", details={"document": name})
        return self.contents[name]

    async def forget(self, names: Sequence[str]) -> None:
        """As `Documents.forget`."""
        for name in names:
            self.contents.pop(name, None)


@dataclass
class OneCase:
    """The only case there is."""

    case: Case
    documents: tuple[str, ...] = ("a", "b")
    asked: list[Collection[str] | None] = field(default_factory=list)

    async def one(self, case: str, organisation: str) -> KeptCase:
        """As `Cases.one`."""
        return cast("KeptCase", KeptCaseStub(id=case, organisation=organisation))

    async def objects(self, _case: KeptCase) -> tuple[KeptObject, ...]:
        """As `Cases.objects`."""
        return tuple(KeptObject(instance=name, modality="CT", document=name, size_bytes=1) for name in self.documents)

    async def read(self, _case: KeptCase, *, only: Collection[str] | None = None) -> Reading[Case]:
        """As `Cases.read`, but that it gives all there is."""
        self.asked.append(only)
        return Reading(value=self.case, findings=())


@dataclass(frozen=True, kw_only=True)
class KeptCaseStub:
    """What of a kept case a plan is asked for by."""

    id: str = CASE
    organisation: str = "county-hospital"


@dataclass(kw_only=True)
class Pad:
    """A running work in memory; `on_progress` may raise what ends it."""

    arguments: Mapping[str, Any]
    finished: dict[str, str] = field(default_factory=dict)
    asked_by: str = "physicist-1"
    on_progress: Callable[[str, int, int], None] = lambda *_: None
    shown: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    given_up: threading.Event = field(default_factory=threading.Event)

    def give_up(self) -> None:
        """As `Doing.give_up`."""
        self.given_up.set()

    def progress(self, step: str, done: int, total: int, *, latest: str | None = None) -> None:
        """As `Doing.progress`."""
        if self.given_up.is_set():
            raise GivenUp
        self.on_progress(step, done, total)
        if step not in self.steps:
            self.steps.append(step)
        if latest is not None:
            self.shown.append(latest)

    async def tell(self, step: str, done: int, total: int) -> None:
        """As `Doing.tell`."""
        self.progress(step, done, total)

    def finish(self, name: str, result: str) -> None:
        """As `Doing.finish`."""
        self.finished[name] = result


def bench_of(papers: Papers, case: OneCase) -> Bench:
    """What the work needs, in memory; its clock stands."""
    return Bench(
        cases=cast("Cases", case),
        deliveries=cast("Deliveries", None),
        documents=cast("Documents", papers),
        clock=lambda: AT,
    )
