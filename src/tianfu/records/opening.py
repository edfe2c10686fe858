"""What every process that writes needs before it begins: keys that fit, partitions, dictionaries, known codings."""

from __future__ import annotations

from tianfu.db import Database, queries
from tianfu.records.codec import codec_for
from tianfu.records.dictionaries import committed
from tianfu.records.index.extract import GENERATION
from tianfu.records.keys import IndexKeys, open_keyring
from tianfu.records.months import make_months
from tianfu.records.prepare import Preparer
from tianfu.records.sealing import Sealer
from tianfu.records.write import KNOWN_TOKENS_MAX
from tianfu.standards.fhir.definitions import definitions
from tianfu.vault.provider import Keys

_STATE = queries("tianfu.records.sql", "state.sql")
_WRITE = queries("tianfu.records.sql", "write.sql")


async def open_parts(database: Database, keys: Keys) -> tuple[Preparer, set[int]]:
    """The preparer, and the codings that the database has seen; raises Refusal `key-differs` for another master key."""
    keyring = await open_keyring(database, keys)
    async with database.transaction("owner") as owner:
        await owner.run(_STATE.lock_state)
        await make_months(owner)
        types = sorted(definitions().type_numbers.values())
        await owner.run(_STATE.begin_index_state, types=types, generation=GENERATION)
        there = {row[0] for row in await owner.all(_STATE.dictionary_numbers)}
        for each in committed():
            if each.number not in there:
                await owner.run(_STATE.add_dictionary, number=each.number, name=each.name, bytes=each.bytes)
        dictionaries = {row[0]: (row[1], row[2]) for row in await owner.all(_STATE.dictionaries)}
        known = {row[0] for row in await owner.all(_WRITE.known_tokens, limit=KNOWN_TOKENS_MAX)}
    sealer = Sealer(codec_for(dictionaries), keyring)
    return Preparer(sealer=sealer, index_keys=IndexKeys.of(keyring.index_secret)), known
