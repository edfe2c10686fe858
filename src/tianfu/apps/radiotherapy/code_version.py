"""Which state of the code gave a number: results of another state are computed anew, never mistaken for its own."""

from __future__ import annotations

import functools
import hashlib
from importlib.metadata import version
from pathlib import Path

import tianfu.standards.dicom as dicom

LIBRARIES = ("numba", "numpy", "pydicom", "scipy", "shapely")
"""Whose versions could change a number."""


@functools.cache
def code_version() -> str:
    """A digest of every file that reads, names, computes or describes, and of the libraries below it."""
    here, codecs = Path(__file__).parent, Path(str(dicom.__file__)).parent
    files = [
        *(file for kind in ("py", "json") for file in sorted(codecs.rglob(f"*.{kind}"))),
        *sorted((here / "model").rglob("*.py")),
        *sorted((here / "data" / "machines").glob("*.json")),
        *sorted(here.glob("queries/*.py")),
        *(here / name for name in ("computing.py", "jobs.py", "made_results.py", "results.py", "wishes.py")),
        *sorted(here.glob("*plan_*.py")),
    ]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    for library in LIBRARIES:
        digest.update(f"{library} {version(library)}\n".encode())
    return digest.hexdigest()[:16]
