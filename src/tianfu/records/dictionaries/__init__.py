"""The trained dictionaries that come with the program, made by scripts/train_dictionaries.py from made-up people.

A file is named by the number that bodies carry and by its resource type.  A file that was released is never
changed or removed; better training makes a new file with the next free number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files

from tianfu.records.codec import DICTIONARY_FIRST, Dictionary

_NAME = re.compile(r"(\d{3})-([A-Z][A-Za-z]+)\.zdict\Z")
NUMBER_MAX = 255
"""A body's first byte holds the number."""


def committed() -> Iterator[Dictionary]:
    """The dictionaries of this program, by number."""
    for file in sorted(files(__name__).iterdir(), key=lambda each: each.name):
        if match := _NAME.match(file.name):
            number = int(match[1])
            if not DICTIONARY_FIRST <= number <= NUMBER_MAX:
                raise ValueError(file.name)
            yield Dictionary(number=number, name=f"{match[2]}/{number}", bytes=file.read_bytes())
