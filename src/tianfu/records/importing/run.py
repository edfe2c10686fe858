"""Run an import: read pieces, hand them to worker processes, count what became of them.

An input that was begun before and not finished is continued behind its finished pieces.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import queue
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tianfu.db import Addresses, Database, queries
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.importing.files import Input, Source, inputs_of, pieces_of
from tianfu.records.importing.worker import Done, Work, run_worker
from tianfu.vault.provider import Keys

_SQL = queries("tianfu.records.sql", "importing.sql")
_STATE = queries("tianfu.records.sql", "state.sql")
PIECES_WAITING_PER_WORKER = 2
ANSWER_SECONDS = 1.0

Progress = Callable[[int, int, int], None]
"""Called with bytes read, bytes in all, and resources taken so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an import did; `unreadable` names the files that could not be read to their end, and why."""

    files: int
    created: int
    updated: int
    unchanged: int
    repeated: int
    rejected: int
    unreadable: Mapping[str, str]
    seconds: float
    by_type: Mapping[str, int]
    rejects_file: str | None

    @property
    def resources(self) -> int:
        return self.created + self.updated + self.unchanged

    def as_json(self) -> dict[str, object]:
        """The report for `--report`."""
        rate = self.resources / self.seconds if self.seconds else 0.0
        return {
            "files": self.files,
            "resources": self.resources,
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "repeated": self.repeated,
            "rejected": self.rejected,
            "unreadable": dict(self.unreadable),
            "seconds": round(self.seconds, 3),
            "resources_per_second": round(rate, 1),
            "by_type": dict(self.by_type),
            "rejects_file": self.rejects_file,
        }


@dataclass(slots=True)
class _Tally:
    """What has become of all pieces so far, and how far into the input we are."""

    counts: Counter[str] = field(default_factory=Counter)
    bytes_done: dict[bytes, int] = field(default_factory=dict)
    open_pieces: Counter[bytes] = field(default_factory=Counter)
    unreadable: dict[Path, str] = field(default_factory=dict)

    def add(self, done: Done) -> None:
        if done.failed is not None:
            raise Refusal(
                "import-stopped", kept="pieces-before", next_step="run-again", details={"reason": done.failed}
            )
        self.counts.update(done.counts)
        self.open_pieces[done.run] -= 1
        self.bytes_done[done.run] = max(self.bytes_done.get(done.run, 0), done.read_bytes)

    @property
    def resources(self) -> int:
        return self.counts["created"] + self.counts["updated"] + self.counts["unchanged"]


def import_paths(
    addresses: Addresses,
    home: Path,
    paths: Sequence[Path],
    *,
    keys: Keys,
    source: Source,
    workers: int,
    rejects_file: Path,
    progress: Progress,
) -> Report:
    """Import files and folders; raises Refusal if it cannot go on, and then running it again continues."""
    started = time.monotonic()
    inputs = inputs_of(paths, source)
    runs, finished, orgs = asyncio.run(_begin(addresses, inputs))
    context = multiprocessing.get_context("forkserver")
    # One process reads the program and its definitions; the workers are its copies.
    context.set_forkserver_preload(["__main__", "tianfu.records.importing.worker"])
    todo: multiprocessing.Queue[Work | None] = context.Queue(workers * PIECES_WAITING_PER_WORKER)
    answers: multiprocessing.Queue[Done] = context.Queue()
    processes = [
        context.Process(target=run_worker, args=(addresses, home, keys, todo, answers), daemon=True)
        for _ in range(workers)
    ]
    for process in processes:
        process.start()
    tally = _Tally()
    size = sum(each.size for each in inputs)
    try:
        for work in _works(inputs, runs, finished, orgs, tally):
            _hand_over(work, todo, answers, tally, processes)
            progress(sum(tally.bytes_done.values()), size, tally.resources)
        for _ in processes:
            _hand_over(None, todo, answers, tally, processes)
        while sum(tally.open_pieces.values()):
            _take_answers(answers, tally, processes, wait=True)
            progress(sum(tally.bytes_done.values()), size, tally.resources)
    except BaseException:
        # Nobody takes what is left in the queue: without this, the end of this program would wait for it for ever.
        todo.cancel_join_thread()
        for process in processes:
            process.kill()
        raise
    finally:
        for process in processes:
            process.join()
    rejected = asyncio.run(_end(addresses, inputs, runs, rejects_file, tally.unreadable))
    progress(size, size, tally.resources)
    return Report(
        files=len(inputs),
        created=tally.counts["created"],
        updated=tally.counts["updated"],
        unchanged=tally.counts["unchanged"],
        repeated=tally.counts["repeated"],
        rejected=rejected,
        unreadable={str(path): reason for path, reason in tally.unreadable.items()},
        seconds=time.monotonic() - started,
        by_type={name[5:]: n for name, n in sorted(tally.counts.items()) if name.startswith("type:")},
        rejects_file=str(rejects_file) if rejected or tally.unreadable else None,
    )


def _works(
    inputs: Sequence[Input],
    runs: Mapping[Path, bytes],
    finished: Mapping[bytes, Mapping[int, Mapping[str, int]]],
    orgs: Mapping[str, int],
    tally: _Tally,
) -> Iterator[Work]:
    """The pieces that are still to do; a file that cannot be read to its end does not hold up the others."""
    for each in inputs:
        run = runs[each.path]
        try:
            for piece in pieces_of(each):
                before = finished[run].get(piece.number)
                if before is None:
                    yield Work(run=run, source=each.source.uri, org=orgs[each.source.uri], piece=piece)
                else:
                    tally.counts.update(before)
                    tally.bytes_done[run] = piece.read_bytes
        except Refusal as refusal:
            details = {name: value for name, value in refusal.details.items() if name != "path"}
            tally.unreadable[each.path] = " ".join((refusal.code, *(f"{k}={v}" for k, v in details.items())))


def _hand_over(
    work: Work | None,
    todo: multiprocessing.Queue[Work | None],
    answers: multiprocessing.Queue[Done],
    tally: _Tally,
    processes: Sequence[multiprocessing.process.BaseProcess],
) -> None:
    if work is not None:
        tally.open_pieces[work.run] += 1
    while True:
        try:
            todo.put(work, timeout=ANSWER_SECONDS / 20)
        except queue.Full:
            _take_answers(answers, tally, processes, wait=True)
        else:
            _take_answers(answers, tally, processes, wait=False)
            return


def _take_answers(
    answers: multiprocessing.Queue[Done],
    tally: _Tally,
    processes: Sequence[multiprocessing.process.BaseProcess],
    *,
    wait: bool,
) -> None:
    try:
        while True:
            tally.add(answers.get(block=wait, timeout=ANSWER_SECONDS if wait else None))
            wait = False
    except queue.Empty:
        pass
    if any(process.exitcode not in {None, 0} for process in processes):
        raise Refusal("import-stopped", kept="pieces-before", next_step="run-again", details={"reason": "worker-died"})


async def _begin(
    addresses: Addresses, inputs: Sequence[Input]
) -> tuple[dict[Path, bytes], dict[bytes, dict[int, dict[str, int]]], dict[str, int]]:
    """The run of each input, what is finished of it, and the number of each source."""
    runs: dict[Path, bytes] = {}
    finished: dict[bytes, dict[int, dict[str, int]]] = {}
    orgs: dict[str, int] = {}
    async with await Database.open(addresses, links_max=1) as database, database.connection("app") as connection:
        for each in inputs:
            if each.source.uri not in orgs:
                said = {"library": each.source.library, "name_zh": each.source.name_zh}
                await connection.run(_STATE.add_source, uri=each.source.uri, name_en=each.source.name_en, **said)
                number = await connection.one(_STATE.source_number, uri=each.source.uri)
                orgs[each.source.uri] = number[0] if number else 0
            begun = await connection.one(_SQL.unfinished_run, fingerprint=each.fingerprint)
            run = begun[0].bytes if begun else os.urandom(16)
            if begun is None:
                await connection.run(_SQL.begin_run, run=run, fingerprint=each.fingerprint, begun_at=system_clock())
            rows = await connection.all(_SQL.finished_pieces, run=run) if begun else []
            runs[each.path] = run
            finished[run] = {row[0]: row[1] for row in rows}
    return runs, finished, orgs


async def _end(
    addresses: Addresses,
    inputs: Sequence[Input],
    runs: Mapping[Path, bytes],
    rejects_file: Path,
    unreadable: Mapping[Path, str],
) -> int:
    """Mark the inputs as finished and write their rejects, one line of tab-separated values each; how many rejects."""
    rejected = 0
    rejects = _Rejects(rejects_file)
    async with await Database.open(addresses, links_max=1) as database, database.connection("app") as connection:
        for each in inputs:
            rows = await connection.all(_SQL.rejects_of, run=runs[each.path])
            rejected += len(rows)
            if each.path in unreadable:
                rows = [*rows, (0, "", unreadable[each.path])]
            else:
                await connection.run(_SQL.finish_run, run=runs[each.path], finished_at=system_clock())
            await asyncio.to_thread(rejects.add, each.path, rows)
    return rejected


class _Rejects:
    """The file of rejects, made when there is something to say."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._is_begun = False

    def add(self, path: Path, rows: Sequence[Sequence[object]]) -> None:
        if not rows:
            return
        with self._file.open("a" if self._is_begun else "w", encoding="utf-8", errors="backslashreplace") as out:
            if not self._is_begun:
                out.write("file\tline\tpath\treason\n")
            out.writelines(f"{path}\t{line}\t{where}\t{reason}\n" for line, where, reason in rows)
        self._is_begun = True
