"""Who may sign machines: a file in strict JSON that whoever runs an installation keeps.

    {"schema": 1, "signatories": [{"name": "Lin", "roles": ["physicist"], "public_key": "64 digits", "until": null}]}

`public_key` is in hexadecimal digits, `until` the last day or moment at which he may sign, or null.  Whoever is taken
out of the file has signed nothing any more.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping

import msgspec

from tianfu.apps.radiotherapy.model.machines.signatures import Role, Signatory
from tianfu.apps.radiotherapy.model.machines.typed import read_typed
from tianfu.kernel.instants import range_of
from tianfu.kernel.refusal import Refusal

SCHEMA = 1
BYTES_MOST = 200_000
KEY_BYTES = 32
"""Of a public key (RFC 8032 5.1.5)."""

PRIME = 2**255 - 19
SMALL = frozenset(
    {
        0,
        1,
        PRIME - 1,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
    }
)
"""The ordinates of the eight points of edwards25519 (RFC 8032 5.1) whose multiple by eight is the neutral point: with
one of them as a public key anybody makes signatures that hold."""

NAME_MOST = 100
"""Characters. [ours]"""

NOT_UNDERSTOOD = "signatories-not-understood"


class _Person(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    name: str
    roles: tuple[Role, ...]
    public_key: str
    until: str | None


class _Written(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    schema: int
    signatories: tuple[_Person, ...]


def read_signatories(data: bytes) -> Mapping[str, Signatory]:
    """Those who may sign, by name.

    Raises Refusal `signatories-not-understood` with the problem; with the name `signatory-name-not-fit`,
    `signatory-without-role`, `signatory-key-not-fit`, `signatory-until-not-fit`, `signatory-twice` for two names that
    look alike, or `signatory-key-twice` for one key under two names.
    """
    written = read_typed(data, _Written, bytes_most=BYTES_MOST, code=NOT_UNDERSTOOD)
    if written.schema != SCHEMA:
        raise Refusal(NOT_UNDERSTOOD, details={"problem": f"schema {written.schema}"})
    people: dict[str, Signatory] = {}
    names, keys = set[str](), set[bytes]()
    for each in written.signatories:
        person = _signatory(each)
        _refuse(_alike(person.name) in names, "signatory-twice", person.name)
        _refuse(person.public_key in keys, "signatory-key-twice", person.name)
        names.add(_alike(person.name))
        keys.add(person.public_key)
        people[person.name] = person
    return people


def refuse_unless_name(name: str) -> None:
    """Do nothing for a name that can be told from others where it is shown; raises Refusal `signatory-name-not-fit`."""
    is_fit = name == name.strip() and 0 < len(name) <= NAME_MOST and name.isprintable()
    _refuse(not is_fit or unicodedata.normalize("NFC", name) != name, "signatory-name-not-fit", name)


def signatory_line(*, name: str, public_key: bytes) -> str:
    """A signatory as the file has him, without any role: those are given by whoever keeps the file."""
    person: dict[str, object] = {"name": name, "roles": [], "public_key": public_key.hex(), "until": None}
    return json.dumps(person, ensure_ascii=False)


def _signatory(person: _Person) -> Signatory:
    refuse_unless_name(person.name)
    _refuse(not person.roles or len(set(person.roles)) != len(person.roles), "signatory-without-role", person.name)
    digits = person.public_key
    is_hexadecimal = set(digits) <= set("0123456789abcdef")
    is_key = len(digits) == 2 * KEY_BYTES and is_hexadecimal and not is_small(bytes.fromhex(digits))
    _refuse(not is_key, "signatory-key-not-fit", person.name)
    until = None
    if person.until is not None:
        try:
            _, until = range_of(person.until)
        except ValueError as error:
            details = {"name": person.name, "until": person.until}
            raise Refusal("signatory-until-not-fit", details=details) from error
    return Signatory(name=person.name, roles=frozenset(person.roles), public_key=bytes.fromhex(digits), until=until)


def is_small(public_key: bytes) -> bool:
    """Whether a public key is a point with whose signatures nobody shows anything."""
    return (int.from_bytes(public_key, "little") & (2**255 - 1)) % PRIME in SMALL


def _alike(name: str) -> str:
    """The same for names that people take for one, such as those in wide and narrow letters (UAX 15)."""
    return unicodedata.normalize("NFKC", name).casefold()


def _refuse(is_wrong: bool, code: str, name: str) -> None:
    if is_wrong:
        raise Refusal(code, details={"name": name})
