"""A machine as bytes, in one form only: JSON with sorted names, floats as Python writes them, tables as base64.

A table is `{"float64": ..., "shape": [...]}`, its numbers little endian, the last index moving fastest.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from typing import Any

import msgspec
import numpy as np

from tianfu.apps.radiotherapy.model.machines.machines import Machine

SCHEMA = 1


def write_machine(machine: Machine) -> bytes:
    """The bytes of a machine; equal machines have equal bytes.  Raises ValueError if a number is not finite."""
    content = {"schema": SCHEMA, "machine": msgspec.to_builtins(machine, enc_hook=_table)}
    return one_form(content)


def fingerprint_of(machine: Machine) -> str:
    """SHA-256 of the machine's bytes, in hexadecimal: no two machines that differ share one."""
    return hashlib.sha256(write_machine(machine)).hexdigest()


def one_form(content: Any) -> bytes:
    """JSON of builtins in the only form that we write and read."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def _table(value: object) -> dict[str, Any]:
    if not isinstance(value, np.ndarray):
        raise NotImplementedError  # by which msgspec learns that we have no form for it
    numbers = np.ascontiguousarray(value, dtype="<f8")
    return {"float64": b64encode(numbers.tobytes()).decode(), "shape": list(numbers.shape)}
