"""What protection costs: how many fields are sealed and opened in a second, by the code that seals records."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Sequence

from bench.saying import say
from tianfu.kernel.ids import record_number
from tianfu.records.codec import Codec
from tianfu.records.sealing import Body, Draft, Sealer, Versioned
from tianfu.standards.fhir.definitions import definitions
from tianfu.vault.ciphers import CipherName
from tianfu.vault.files import FileKeys
from tianfu.vault.keyring import Keyring, KeyState, KeyUse, WrappedKey
from tianfu.vault.provider import Keys

RUNS = 3
RECORDS = 10_000
FIELDS_PER_RECORD = 3
"""What a Patient has: identifier, telecom, address."""

_NUMBER = b'"510107199001011234"'
"""A made-up resident's number of eighteen characters, as a member's text."""

_NAMES = (b"identifier", b"telecom", b"address")

Result = dict[str, object]


def fields() -> Result:
    """Fields of eighteen characters sealed in a second: by one process, and by as many as this machine has cores.

    The platform seals in its web and import workers, of which it runs one per core; so the machine's figure is what
    an installation gets, and that of one process is what a single large transaction gets.
    """
    alone = [_sealed_per_second("sm4") for _ in range(RUNS)]
    together = [_by_all_cores() for _ in range(RUNS)]
    opened = [_opened_per_second("sm4") for _ in range(RUNS)]
    aes = [_sealed_per_second("aes") for _ in range(RUNS)]
    return {
        **_median("sm4_fields_per_second", together),
        **_median("sm4_fields_per_second_per_process", alone),
        **_median("sm4_fields_opened_per_second_per_process", opened),
        **_median("aes_fields_per_second_per_process", aes),
    }


def _median(name: str, runs: Sequence[float]) -> Result:
    say(f"{name}: {', '.join(f'{each:,.0f}' for each in runs)}")
    return {name: round(statistics.median(runs)), f"{name}_runs": [round(each) for each in runs]}


def _by_all_cores() -> float:
    """The sum of what workers do that start at the same moment."""
    cores = len(os.sched_getaffinity(0))
    wanted: list[CipherName] = ["sm4"] * cores
    context = multiprocessing.get_context("spawn")
    with context.Pool(cores) as pool:
        pool.map(_sealed_per_second, wanted, chunksize=1)  # every worker has read the program
        return sum(pool.map(_sealed_per_second, wanted, chunksize=1))


def _sealed_per_second(cipher: CipherName) -> float:
    sealer, drafts = _prepared(cipher)
    return _per_second(lambda: sealer.sealed(drafts))


def _opened_per_second(cipher: CipherName) -> float:
    sealer, drafts = _prepared(cipher)
    bodies = sealer.sealed(drafts)
    pairs: list[tuple[Versioned, Body]] = list(zip(drafts, bodies, strict=True))

    def work() -> None:
        for draft, body in pairs:
            sealer.opened("Patient", draft.record, draft.version, body.body)

    return _per_second(work)


def _per_second(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return RECORDS * FIELDS_PER_RECORD / (time.perf_counter() - started)


def _prepared(cipher: CipherName) -> tuple[Sealer, list[Versioned]]:
    codec = Codec(())
    keys = Keys(provider=FileKeys(os.urandom(32)), cipher=cipher)
    sealer = Sealer(codec, Keyring.open(keys, _MemoryShelf()))
    skeleton = codec.compress("Patient", b"\n" + b",".join(b'"%s":\x01' % name for name in _NAMES))
    draft = Draft(skeleton, tuple((name, codec.compress("Patient", _NUMBER)) for name in _NAMES))
    number = definitions().type_number("Patient")
    records = [record_number("Patient", str(each)) for each in range(RECORDS)]
    return sealer, [Versioned(number, record, 1, draft) for record in records]


class _MemoryShelf:
    """Keys of a benchmark, which need not outlive it."""

    def __init__(self) -> None:
        self._keys: list[WrappedKey] = []

    def wrapped(self) -> Sequence[WrappedKey]:
        return self._keys

    def add(self, use: KeyUse, cipher: str, wrap: Callable[[int], bytes], *, instead_of: int | None) -> None:
        state: KeyState = "current"
        number = len(self._keys) + 1
        self._keys.append(WrappedKey(number=number, use=use, cipher=cipher, wrapped=wrap(number), state=state))

    def reserve(self, number: int, sealings: int, *, within: int) -> int | None:
        return sealings
