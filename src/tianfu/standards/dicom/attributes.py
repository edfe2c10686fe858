"""The attributes that every object we write must have: `data/attributes.json`, from the tables of PS3.3.

Type 1 has a value, Type 2 stands there even if empty (PS3.5 7.4).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import orjson
from pydicom.dataset import Dataset

Kind = Literal["CT", "RTSTRUCT", "RTPLAN", "RTDOSE", "RTRECORD"]

Rules = Mapping[str, Any]
"""Of each attribute its type, for a sequence with the rules of its items."""


@cache
def rules_of(kind: Kind) -> Rules:
    """The rules of all modules of an object."""
    table = orjson.loads(files("tianfu.standards.dicom").joinpath("data/attributes.json").read_bytes())
    return {name: rule for module in table["objects"][kind] for name, rule in table["modules"][module].items()}


def completed(dataset: Dataset, kind: Kind) -> Dataset:
    """The same data set, with what is lacking of Type 2 added empty.

    Raises ValueError, our own mistake, if an attribute of Type 1 has no value.
    """
    _fill(dataset, rules_of(kind))
    lacking = list(missing(dataset, rules_of(kind)))
    if lacking:
        raise ValueError(f"a writer left out {', '.join(lacking)}")
    return dataset


def missing(dataset: Dataset, rules: Rules, place: str = "") -> Iterator[str]:
    """Attributes of Type 1 without a value and of Type 2 that are not there, each by its path."""
    for name, rule in rules.items():
        type_, items = (rule, None) if isinstance(rule, str) else rule
        element = dataset[name] if name in dataset else None  # noqa: SIM401 - get() gives the value
        has_no_value = element is None or element.is_empty
        if (type_.startswith("1") and has_no_value) or (type_.startswith("2") and element is None):
            yield place + name
        if items and name in dataset:
            for number, item in enumerate(dataset[name].value or ()):
                yield from missing(item, items, f"{place}{name}[{number}].")


def _fill(dataset: Dataset, rules: Rules) -> None:
    for name, rule in rules.items():
        type_, items = (rule, None) if isinstance(rule, str) else rule
        if type_.startswith("2") and name not in dataset:
            setattr(dataset, name, [] if items else None)
        if items and name in dataset:
            for item in dataset[name].value or ():
                _fill(item, items)
