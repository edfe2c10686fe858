"""What the pages of radiotherapy stand on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tianfu.apps.radiotherapy.density_tables import DensityTables
from tianfu.apps.radiotherapy.machine_files import MachineFiles
from tianfu.kernel.instants import Clock
from tianfu.services.documents.keeping import Documents
from tianfu.services.imaging.cases import Cases, KeptCase
from tianfu.services.imaging.deliveries import Deliveries
from tianfu.services.jobs.works import Works

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.looking import OpenCase
    from tianfu.standards.dicom.cases import Case
    from tianfu.standards.dicom.doses import Dose


class Looking(Protocol):
    """Cases and doses that were opened for their pictures."""

    async def opened(self, case: KeptCase) -> OpenCase:
        """The case, read unless it is open already."""
        ...

    async def read(self, case: KeptCase) -> Case:
        """The same, also of a case without images."""
        ...

    async def dose(self, document: str) -> Dose:
        """The dose that this document holds, read unless it is open already."""
        ...


class LateLooking:
    """Looks as `looking.Looking` does, and loads it when somebody looks first: it brings compiled kernels along."""

    def __init__(self, cases: Cases, documents: Documents) -> None:
        self._cases = cases
        self._documents = documents
        self._looking: Looking | None = None

    async def opened(self, case: KeptCase) -> OpenCase:
        """As `Looking.opened`."""
        return await self._loaded().opened(case)

    async def read(self, case: KeptCase) -> Case:
        """As `Looking.read`."""
        return await self._loaded().read(case)

    async def dose(self, document: str) -> Dose:
        """As `Looking.dose`."""
        return await self._loaded().dose(document)

    def _loaded(self) -> Looking:
        if self._looking is None:
            from tianfu.apps.radiotherapy import looking

            self._looking = looking.Looking(self._cases, self._documents)
        return self._looking


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The cases, what is on its way, what is computed, where results lie, what is looked at, and what is planned on."""

    cases: Cases
    deliveries: Deliveries
    works: Works
    documents: Documents
    looking: Looking
    machines: MachineFiles
    density_tables: DensityTables
    clock: Clock
