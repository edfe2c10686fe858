"""How much a case may have; who sends more is told so before it is read."""

from __future__ import annotations

from typing import Final

OBJECT_BYTES_MAX: Final = 1 << 30
"""A single object, also once it is inflated; a dose of 500 x 500 x 500 voxels has half of it. [ours]"""

CASE_BYTES_MAX: Final = 4 << 30
OBJECTS_MAX: Final = 5_000
VOXELS_MAX: Final = 1 << 28
"""An image of 1,000 slices of 512 x 512 voxels. [ours]"""
