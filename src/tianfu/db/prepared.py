"""Statements as one connection's server knows them, and the answers to them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import abc, pq
from psycopg.adapt import Transformer
from psycopg.pq.abc import PGresult

from tianfu.db.errors import error_of
from tianfu.db.queries import Query
from tianfu.db.wire import Encoder, encoder_of

STATEMENTS_MAX = 400
"""Prepared statements kept on one connection; the least recently used one makes room."""

Row = tuple[Any, ...]
Call = tuple[Query, Mapping[str, object]]

_FAILED = (int(pq.ExecStatus.FATAL_ERROR), int(pq.ExecStatus.PIPELINE_ABORTED), int(pq.ExecStatus.BAD_RESPONSE))


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A statement that the server has parsed, with the ways to write its parameters and to read its rows."""

    name: bytes
    encoders: tuple[Encoder, ...]
    formats: tuple[int, ...]
    transformer: abc.Transformer

    @staticmethod
    def described(name: bytes, result: PGresult, context: abc.AdaptContext) -> Prepared:
        """Read the server's description of the statement."""
        codings = [encoder_of(result.param_type(number)) for number in range(result.nparams)]
        transformer = Transformer(context)
        transformer.set_loader_types([result.ftype(column) for column in range(result.nfields)], pq.Format.BINARY)
        return Prepared(
            name=name,
            encoders=tuple(encoder for encoder, _ in codings),
            formats=tuple(format_ for _, format_ in codings),
            transformer=transformer,
        )

    def values(self, query: Query, parameters: Mapping[str, object]) -> list[bytes | None]:
        """The parameters in the server's order and form.

        The names are the query's own: two queries may have one text on the server and still name their parameters
        otherwise.
        """
        values: list[bytes | None] = []
        for name, encode in zip(query.parameters, self.encoders, strict=True):
            value = parameters[name]
            values.append(None if value is None else encode(value))
        return values


class PreparedStatements:
    """The prepared statements of one connection, least recently used first."""

    def __init__(self) -> None:
        self._by_text: OrderedDict[bytes, Prepared] = OrderedDict()
        self._numbered = 0

    def missing(self, calls: Iterable[Call]) -> list[Query]:
        """The statements among these that the server must still prepare; the others count as just used."""
        missing: dict[bytes, Query] = {}
        for query, _ in calls:
            if query.wire in self._by_text:
                self._by_text.move_to_end(query.wire)
            else:
                missing[query.wire] = query
        return list(missing.values())

    def make_room(self, wanted: int) -> list[bytes]:
        """Forget the oldest statements so that `wanted` more fit; their names, for the server to forget too."""
        names: list[bytes] = []
        while self._by_text and len(self._by_text) + wanted > max(STATEMENTS_MAX, 2 * wanted):
            names.append(self._by_text.popitem(last=False)[1].name)
        return names

    def next_name(self) -> bytes:
        """A name that this connection has not used."""
        self._numbered += 1
        return b"t%d" % self._numbered

    def __getitem__(self, query: Query) -> Prepared:
        return self._by_text[query.wire]

    def __setitem__(self, query: Query, prepared: Prepared) -> None:
        self._by_text[query.wire] = prepared


class Reply:
    """The answer to one statement."""

    __slots__ = ("_prepared", "_result")

    def __init__(self, result: PGresult, prepared: Prepared) -> None:
        self._result = result
        self._prepared = prepared

    @property
    def rows(self) -> list[Row]:
        """All rows, in the server's order."""
        transformer = self._prepared.transformer
        transformer.set_pgresult(self._result, set_loaders=False)
        rows = transformer.load_rows(0, self._result.ntuples, tuple)
        transformer.set_pgresult(None, set_loaders=False)
        return rows

    @property
    def count(self) -> int:
        """How many rows the statement changed or returned."""
        return self._result.command_tuples or 0


def refuse_failed(query: Query, result: PGresult) -> None:
    """Raise what an error answer stands for."""
    if result.status in _FAILED:
        raise error_of(
            query.name,
            _field(result, pq.DiagnosticField.SQLSTATE),
            _field(result, pq.DiagnosticField.MESSAGE_PRIMARY),
            _field(result, pq.DiagnosticField.CONSTRAINT_NAME),
        )


def _field(result: PGresult, code: pq.DiagnosticField) -> str:
    return (result.error_field(code) or b"").decode("utf-8", "replace")
