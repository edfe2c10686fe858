"""What the pages of radiotherapy stand on."""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.kernel.instants import Clock
from tianfu.services.documents.keeping import Documents
from tianfu.services.imaging.cases import Cases
from tianfu.services.imaging.deliveries import Deliveries
from tianfu.services.jobs.works import Works


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The cases, what is on its way, what is computed, and where results lie."""

    cases: Cases
    deliveries: Deliveries
    works: Works
    documents: Documents
    clock: Clock
