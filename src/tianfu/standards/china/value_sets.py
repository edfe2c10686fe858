"""Value sets of person records: sex, ethnic group, marital state.  GB/T 2261.1, GB/T 2261.2, GB/T 3304."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueSet:
    """Codes with their Chinese names; `system` is the FHIR address and `mark` says how sure we are."""

    system: str
    standard: str
    mark: str
    names: Mapping[str, str]

    def code_of(self, name: str) -> str:
        """The code of a Chinese name; KeyError if there is none."""
        return self._codes()[name]

    def _codes(self) -> dict[str, str]:
        return {known: code for code, known in self.names.items()}


@cache
def value_set(key: str) -> ValueSet:
    """The value set called `sex`, `ethnic-group` or `marital-state`."""
    tables = json.loads(files(__package__).joinpath("data/value_sets.json").read_text("utf-8"))
    return ValueSet(**tables["sets"][key])
