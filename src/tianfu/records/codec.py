"""Bodies compressed with a trained dictionary per resource type (Zstandard, RFC 8878).

The first byte says how to read the rest: 0 plain, 1 zstd without dictionary, 2 and above the number of a
dictionary in the table `dictionary`.  Dictionaries are never changed, so every body stays readable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import zstandard

from tianfu.kernel.refusal import Refusal

PLAIN = 0
WITHOUT_DICTIONARY = 1
DICTIONARY_FIRST = 2
LEVEL = 3
BODY_BYTES_MAX = 64 * 1024 * 1024
_SMALLEST_WORTH_COMPRESSING = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Dictionary:
    """One trained dictionary; `name` is `resource type/edition`."""

    number: int
    name: str
    bytes: bytes

    @property
    def resource_type(self) -> str:
        return self.name.partition("/")[0]


class Codec:
    """Compresses and decompresses bodies; one per process, not for several threads."""

    def __init__(self, dictionaries: tuple[Dictionary, ...]) -> None:
        self._compressors: dict[str, tuple[bytes, zstandard.ZstdCompressor]] = {}
        self._decompressors: dict[int, zstandard.ZstdDecompressor] = {WITHOUT_DICTIONARY: zstandard.ZstdDecompressor()}
        self._plain_compressor = (bytes([WITHOUT_DICTIONARY]), _compressor(None))
        for dictionary in sorted(dictionaries, key=lambda each: each.number):
            trained = zstandard.ZstdCompressionDict(dictionary.bytes)
            self._compressors[dictionary.resource_type] = bytes([dictionary.number]), _compressor(trained)
            self._decompressors[dictionary.number] = zstandard.ZstdDecompressor(dict_data=trained)

    def compress(self, resource_type: str, stored: bytes) -> bytes:
        """The body of a stored form, by the newest dictionary of its type."""
        if len(stored) < _SMALLEST_WORTH_COMPRESSING:
            return bytes([PLAIN]) + stored
        first, compressor = self._compressors.get(resource_type, self._plain_compressor)
        return first + compressor.compress(stored)

    def decompress(self, body: bytes) -> bytes:
        """The stored form of a body; a body nobody can read is a Refusal `body-unreadable`, never half a record."""
        first = body[0]
        if first == PLAIN:
            return bytes(body[1:])
        try:
            return self._decompressors[first].decompress(memoryview(body)[1:], max_output_size=BODY_BYTES_MAX)
        except (KeyError, zstandard.ZstdError) as error:
            raise Refusal("body-unreadable", next_step="call-operator", details={"dictionary": str(first)}) from error


def _compressor(dictionary: zstandard.ZstdCompressionDict | None) -> zstandard.ZstdCompressor:
    parameters = zstandard.ZstdCompressionParameters.from_level(
        LEVEL, write_checksum=False, write_dict_id=False, write_content_size=True
    )
    return zstandard.ZstdCompressor(dict_data=dictionary, compression_params=parameters)


def codec_for(dictionaries: Mapping[int, tuple[str, bytes]]) -> Codec:
    """A codec of the dictionaries in the database, by number."""
    return Codec(tuple(Dictionary(number=n, name=name, bytes=data) for n, (name, data) in dictionaries.items()))
