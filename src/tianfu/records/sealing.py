"""Bodies whose protected members are sealed, each for its own place, and the way back.

A body with sealed members begins with the byte 255, the number of the key and the sealed values, each behind its
length; the rest is a body as `codec` makes it, of the stored form in which one byte stands for each sealed value.
A value is compressed before it is sealed, and opens only as that member of that version of that record, with that key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct, error
from typing import NamedTuple

import msgspec

from tianfu.kernel.refusal import Refusal
from tianfu.records.codec import Codec
from tianfu.records.protected import holds_personal_number, protected
from tianfu.standards.fhir.definitions import definitions
from tianfu.vault.ciphers import FieldCipher, NotAuthentic
from tianfu.vault.keyring import Keyring

SEALED = 255
"""The first byte of a body with sealed members; dictionaries have smaller numbers."""

NOTHING_SEALED = 0
"""Stands for the number of a key where a body holds no sealed member."""

META = "meta"
_PLACEHOLDER = b"\x01"
"""JSON text never holds this byte."""

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_PLACE = Struct("!8sBHqiH")
_TABLE = b"resource"
_FORM = 1
_HEAD = Struct("!BH")


class Draft(NamedTuple):
    """A body before its version is known: compressed, with the protected members beside it, compressed too."""

    body: bytes
    fields: tuple[tuple[bytes, bytes], ...]


class Versioned(NamedTuple):
    """A draft and the version it becomes."""

    type_number: int
    record: int
    version: int
    draft: Draft


class Body(NamedTuple):
    """A body as the tables hold it, and the key that sealed it."""

    body: bytes
    sealed_with: int


@dataclass(frozen=True, slots=True)
class Sealer:
    """Takes bodies apart and seals them, and opens them again; one per process."""

    codec: Codec
    keyring: Keyring

    def draft(self, resource_type: str, stored: bytes) -> Draft:
        """Everything of a body that can be done before its version is known."""
        rules = protected(resource_type)
        if not rules.may_occur(stored):
            return Draft(self.codec.compress(resource_type, stored), ())
        numbers = holds_personal_number(stored)
        fields: list[tuple[bytes, bytes]] = []
        meta, _, rest = stored.partition(b"\n")
        if rules.holds(META, meta, numbers=numbers):
            fields.append((META.encode(), self.codec.compress(resource_type, meta)))
            meta = _PLACEHOLDER
        members = []
        for name, raw in _members(b"{%s}" % rest).items():
            value, shown = bytes(raw), name.encode()
            member = b'"%s":%s' % (shown, value)
            if rules.holds(name, member, numbers=numbers):
                fields.append((shown, self.codec.compress(resource_type, value)))
                member = b'"%s":%s' % (shown, _PLACEHOLDER)
            members.append(member)
        skeleton = meta + b"\n" + b",".join(members)
        return Draft(self.codec.compress(resource_type, skeleton), tuple(fields))

    def sealed(self, drafts: Sequence[Versioned]) -> list[Body]:
        """The bodies of these versions, all sealed with the key that is current now."""
        wanted = sum(len(each.draft.fields) for each in drafts)
        number, cipher = self.keyring.sealing(wanted) if wanted else (NOTHING_SEALED, None)
        return [
            Body(each.draft.body, NOTHING_SEALED)
            if cipher is None or not each.draft.fields
            else Body(_joined(each, number, cipher), number)
            for each in drafts
        ]

    def opened(self, resource_type: str, record: int, version: int, body: bytes) -> bytes:
        """The stored form of a body; raises Refusal `body-unreadable`, `field-not-authentic` or `key-unknown`."""
        if not body or body[0] != SEALED:
            return self.codec.decompress(body)
        number, values, rest = _parted(body)
        skeleton = self.codec.decompress(rest).split(_PLACEHOLDER)
        if len(skeleton) != len(values) + 1:
            raise _unreadable("sealed")
        cipher = self.keyring.opening(number)
        type_number = definitions().type_number(resource_type)
        parts = [skeleton[0]]
        for before, value, after in zip(skeleton, values, skeleton[1:], strict=False):
            place = _place(type_number, record, version, number, _name_before(before))
            try:
                parts += (self.codec.decompress(cipher.open(value, place)), after)
            except NotAuthentic:
                raise Refusal(
                    "field-not-authentic",
                    next_step="call-operator",
                    details={"type": resource_type, "version": str(version), "element": _name_before(before).decode()},
                ) from None
        return b"".join(parts)


def _joined(each: Versioned, number: int, cipher: FieldCipher) -> bytes:
    parts = [_HEAD.pack(SEALED, number), bytes([len(each.draft.fields)])]
    for name, plain in each.draft.fields:
        value = cipher.seal(plain, _place(each.type_number, each.record, each.version, number, name))
        parts += (_length(len(value)), value)
    return b"".join((*parts, each.draft.body))


def _parted(body: bytes) -> tuple[int, list[bytes], bytes]:
    """The key's number, the sealed values, and the body of the rest."""
    try:
        _, number = _HEAD.unpack_from(body)
        values, at = [], _HEAD.size + 1
        for _ in range(body[_HEAD.size]):
            size, at = _length_at(body, at)
            values.append(bytes(body[at : at + size]))
            at += size
    except (error, IndexError) as problem:
        raise _unreadable("sealed") from problem
    if at >= len(body):
        raise _unreadable("sealed")
    return number, values, body[at:]


def _place(type_number: int, record: int, version: int, key: int, name: bytes) -> bytes:
    """What a sealed value is bound to: table, row, version, key and column."""
    return _PLACE.pack(_TABLE, _FORM, type_number, record, version, key) + name


def _name_before(text: bytes) -> bytes:
    """The name of the member whose value follows."""
    return text[text.rfind(b'"', 0, -2) + 1 : -2] if text.endswith(b'":') else META.encode()


def _length(size: int) -> bytes:
    """A length in as few bytes as it needs, seven bits each, the last one without the high bit."""
    parts = bytearray()
    while size > 0x7F:
        parts.append(size & 0x7F | 0x80)
        size >>= 7
    parts.append(size)
    return bytes(parts)


def _length_at(body: bytes, at: int) -> tuple[int, int]:
    size = shift = 0
    while body[at] & 0x80:
        size |= (body[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
    return size | body[at] << shift, at + 1


def _unreadable(what: str) -> Refusal:
    return Refusal("body-unreadable", next_step="call-operator", details={"part": what})
