"""Faults of a planned case, written by somebody who had not read the rules that are to catch them.

They come from what a physicist looks for when a plan and its chart are reviewed, and from accidents that were
published.  Each draws afresh which field, segment or session it spoils, and by how much.  All severities, sizes and
harms are the writer's own judgement. [ours] [memory]
"""

from __future__ import annotations

from collections.abc import Mapping

from demo.radiotherapy.blind_faults import doses, fields, identity, images, plans, records, structures
from demo.radiotherapy.blind_faults.blind import Blind

_MODULES = (identity, images, structures, plans, fields, doses, records)

BLIND_FAULTS: Mapping[str, Blind] = {
    value.id: value for module in _MODULES for value in vars(module).values() if isinstance(value, Blind)
}
"""All of them by their id."""
