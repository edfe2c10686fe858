"""Templates compiled once for all sites that tests build in one process: each site has an environment of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import CodeType

import pytest
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket

from tianfu.web import pages


class Compiled(BytecodeCache):
    """What was compiled, by where it lies, as long as it has not changed."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill the bucket if its template has been compiled."""
        bucket.code = self._known.get(_key(bucket))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        self._known[_key(bucket)] = bucket.code


def _key(bucket: Bucket) -> tuple[object, ...]:
    """Place and content, and what else decides what a template becomes."""
    made = bucket.environment
    return bucket.key, bucket.checksum, made.autoescape, made.trim_blocks, made.lstrip_blocks, *made.extensions


@contextmanager
def compiled_once() -> Iterator[None]:
    """For the length of a block."""
    with pytest.MonkeyPatch.context() as here:
        here.setattr(pages, "Environment", partial(Environment, bytecode_cache=Compiled()))
        yield
