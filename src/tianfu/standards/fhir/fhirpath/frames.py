"""What an evaluation can see: its variables and services, and the `$this` of each turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from tianfu.kernel.instants import CHINA_OFFSET, SECOND, Clock, system_clock
from tianfu.standards.fhir.fhirpath.moments import Moment, MomentKind
from tianfu.standards.fhir.fhirpath.nodes import Collection, Item, Json
from tianfu.standards.fhir.fhirpath.refusals import FailedEvaluation


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What expressions need from outside; each is asked with plain JSON and answers None if it does not know.

    `resolve` finds the resource that a Reference or canonical names; `is_member` whether a code, Coding or
    CodeableConcept is in a value set; `conforms` whether a resource fits a profile; `subsumes` whether the first
    coding is a parent of the second; `is_safe_html` whether XHTML follows the rules of a narrative.
    """

    resolve: Callable[[str], Json | None] | None = None
    is_member: Callable[[Json, str], bool | None] | None = None
    conforms: Callable[[Json, str], bool | None] | None = None
    subsumes: Callable[[Json, Json], bool | None] | None = None
    is_safe_html: Callable[[str], bool] | None = None
    trace: Callable[[str, list[Json]], None] | None = None
    clock: Clock = system_clock


NO_SERVICES = Services()


class Run:
    """One evaluation from its beginning to its end."""

    __slots__ = ("_now", "resource", "root", "services", "steps_left", "variables")

    def __init__(
        self, resource: Item, root: Item, variables: Mapping[str, Collection], services: Services, steps: int
    ) -> None:
        self.resource = resource
        self.root = root
        self.variables = variables
        self.services = services
        self.steps_left = steps
        self._now: Moment | None = None

    def spend(self, steps: int) -> None:
        """Count work done; raises when there was too much of it."""
        self.steps_left -= steps
        if self.steps_left < 0:
            raise FailedEvaluation("too-many-steps")

    def now(self) -> Moment:
        """The time of the evaluation in China, the same however often it is asked."""
        if self._now is None:
            self._now = _moment_at(self.services.clock())
        return self._now


class Frame:
    """`$this`, `$index` and `$total` of one turn."""

    __slots__ = ("index", "run", "this", "total")

    def __init__(self, run: Run, this: Collection, index: int | None = None, total: Collection | None = None) -> None:
        self.run = run
        self.this = this
        self.index = index
        self.total = total

    def turn(self, item: Item, index: int) -> Frame:
        """The frame in which an argument looks at one item."""
        self.run.spend(1)
        return Frame(self.run, [item], index, self.total)


Closure = Callable[[Frame], Collection]


def _moment_at(instant: int) -> Moment:
    zone = timezone(timedelta(seconds=CHINA_OFFSET // SECOND))
    there = datetime.fromtimestamp(instant // SECOND, UTC).astimezone(zone)
    parts = (there.year, there.month, there.day, there.hour, there.minute, there.second)
    fraction = f"{instant % SECOND // 1_000:03d}"
    return Moment(kind=MomentKind.DATE_TIME, parts=parts, fraction=fraction, offset="+08:00")
