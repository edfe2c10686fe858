"""Doses of plans that were made here, read from what is kept of them and held while somebody looks at them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from tianfu.kernel.refusal import Refusal
from tianfu.services.documents.keeping import Documents
from tianfu.services.imaging.limits import VOXELS_MAX
from tianfu.standards.dicom.doses import Dose, read_dose
from tianfu.standards.dicom.encoding import decode

DOSES_BYTES_MAX = 256 << 20
"""So much the doses take together that one worker holds: a body at 2.5 mm has 20 MB. [ours]"""

SHOWN_DOSE_BYTES_MAX = 512 << 20
"""A larger dose is not read by a process that answers everybody's pages. [ours]"""


class OpenDoses:
    """The doses that a worker has open; whoever asks has been let in before."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._open: OrderedDict[str, Dose] = OrderedDict()
        self._reading = asyncio.Lock()

    async def opened(self, document: str) -> Dose:
        """The dose of a document, read unless it is open; the bytes of a document never change.

        Raises Refusal `dose-too-large-to-show`, what `Documents.content` raises, and what `read_dose` raises.
        """
        async with self._reading:  # two who look at once read once, and hold no more than one more dose
            found = self._open.get(document)
            if found is None:
                found = await self._read(document)
                self._hold(document, found)
            else:
                self._open.move_to_end(document)
        return found

    async def _read(self, document: str) -> Dose:
        size = await self._documents.size(document)
        if size > SHOWN_DOSE_BYTES_MAX:
            details = {"bytes": str(size), "most": str(SHOWN_DOSE_BYTES_MAX)}
            raise Refusal("dose-too-large-to-show", details=details)
        return await asyncio.to_thread(_dose, await self._documents.content(document))

    def _hold(self, document: str, dose: Dose) -> None:
        """Keep it instead of those that nobody looked at for longest; one that fits nowhere is held by nobody."""
        if dose.volume.values.nbytes > DOSES_BYTES_MAX:
            return
        self._open[document] = dose
        while sum(each.volume.values.nbytes for each in self._open.values()) > DOSES_BYTES_MAX:
            self._open.popitem(last=False)


def _dose(content: bytes) -> Dose:
    return read_dose(decode(content, bytes_max=SHOWN_DOSE_BYTES_MAX), voxels_max=VOXELS_MAX).value
