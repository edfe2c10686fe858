"""The machine files of an installation, in a folder that its operator fills; none comes with the program.

Beside a machine's file lie its signatures, and in the folder the `signatories.json` of those who may sign.  Nothing
picks a machine: whoever plans names one and its version.  Not cleared for clinical use.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tianfu.apps.radiotherapy.versioned_files import FILES_MOST, Kind, VersionedFiles
from tianfu.kernel.refusal import Refusal

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.model.machines.signatures import Role
    from tianfu.apps.radiotherapy.model.machines.standing import Standing

FOLDER = Path("radiotherapy", "machines")
"""Within the home of the installation."""

SIGNATORIES = "signatories.json"
BYTES_MOST = 64_000_000
SIGNATURES_MOST = 20
SMALL_BYTES_MOST = 200_000
"""Of a signature and of the signatories, before anybody looks what they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFile:
    """A machine as its file says it is, before anybody looked whether it can be true.

    `fingerprint` is of the file's bytes, the same as `writing.fingerprint_of` the machine for one that is accepted.
    """

    name: str
    version: int
    purpose: str
    notice: Mapping[str, str]
    file: Path
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Endorsed:
    """A machine's bytes with the signatures beside them and the signatories who count, none of it judged yet."""

    content: bytes
    signatures: tuple[bytes, ...]
    signatories: bytes | None


class MachineFiles(VersionedFiles[MachineFile]):
    """The machine files in a folder; every call reads from the disk, so call them in a thread.

    A file that stands as it stood is not read again to be listed; whatever is used is always read.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, MACHINES)
        self._stands: dict[str, Standing | None] = {}

    def content(self, name: str, version: int) -> bytes:
        """The bytes of a machine's file; raises Refusal as `endorsed` does."""
        return self.endorsed(name, version).content

    def endorsed(self, name: str, version: int) -> Endorsed:
        """A machine's bytes, signatures and signatories.

        Raises Refusal `machine-unknown`, `machine-unclear` if two files have it, or `signatures-too-many`.
        """
        return self._endorsed(self._listed(name, version))

    def standings(self) -> Mapping[str, Standing | None]:
        """How each machine stands by its fingerprint; None where no signature lies beside it."""
        return {each.fingerprint: self._standing(each) for each in self.all()}

    def _endorsed(self, machine: MachineFile) -> Endorsed:
        return endorsed_at(machine.file, self._folder / SIGNATORIES)

    def _standing(self, machine: MachineFile) -> Standing | None:
        """Judged once for the same bytes: reading a machine of some megabytes takes a moment."""
        from tianfu.apps.radiotherapy.model.machines.standing import not_judged

        try:
            if not signatures_beside(machine.file):
                return None
            endorsed = self._endorsed(machine)
        except Refusal as refusal:
            return not_judged(refusal)
        except OSError as error:
            details = {"file": machine.file.name, "reason": type(error).__name__}
            return not_judged(Refusal("file-not-readable", details=details))
        if _digest(endorsed.content) != machine.fingerprint:
            details = {"file": machine.file.name, "reason": "changed meanwhile"}
            return not_judged(Refusal("file-not-readable", details=details))
        parts = (endorsed.signatories or b"", *endorsed.signatures)
        key = " ".join([machine.fingerprint, str(endorsed.signatories is None), *map(_digest, parts)])
        stands = self._stands
        if key in stands:
            return stands[key]
        if len(self._stands) >= FILES_MOST:
            self._stands = {}  # another thread may look into the one of before
        found = self._stands[key] = judged(endorsed)
        return found

    def are_endorsed_so(self, fingerprint: str, *, signatures: Sequence[str], signatories: str | None) -> bool:
        """Whether the machine of this fingerprint lies there with these signatures and signatories and no others."""
        found = [each for each in self.all() if each.fingerprint == fingerprint]
        try:
            now = self._endorsed(found[0]) if len(found) == 1 else None
        except (OSError, Refusal):
            return False
        beside = tuple(each.encode() for each in signatures)
        by = None if signatories is None else signatories.encode()
        return now is not None and (now.signatures, now.signatories) == (beside, by)


def signature_file(machine: Path, role: Role) -> Path:
    """Where the signature of a machine file in a role lies."""
    return machine.with_name(f"{machine.name}.{role}.signature")


def endorsed_at(machine: Path, signatories: Path) -> Endorsed:
    """A machine's file with what lies beside it, by the signatories of another; there may be none.

    Raises OSError, or Refusal `signatures-too-many`.
    """
    with machine.open("rb") as opened:
        content = opened.read(BYTES_MOST + 1)
    return Endorsed(
        content=content,
        signatures=signatures_beside(machine),
        signatories=_small(signatories) if signatories.exists() else None,
    )


def judged(endorsed: Endorsed) -> Standing | None:
    """How a machine stands by what lies beside it; None if no signature does."""
    from tianfu.apps.radiotherapy.model.machines.modelling import refuse_unless_modelled_so
    from tianfu.apps.radiotherapy.model.machines.reading import read_machine
    from tianfu.apps.radiotherapy.model.machines.signatories import read_signatories
    from tianfu.apps.radiotherapy.model.machines.standing import not_judged, standing_of

    if not endorsed.signatures:
        return None
    try:
        people = {} if endorsed.signatories is None else read_signatories(endorsed.signatories)
        machine = read_machine(endorsed.content)
        standing = standing_of(machine, endorsed.signatures, people)
        if standing.approval is not None:
            refuse_unless_modelled_so(machine)
        return standing
    except Refusal as refusal:
        return not_judged(refusal)


def signatures_beside(machine: Path) -> tuple[bytes, ...]:
    """The bytes of everything beside a machine file that is called its signature, by name; empty for what is no file.

    Raises Refusal `signatures-too-many`.
    """
    found = sorted(each for each in machine.absolute().parent.iterdir() if _is_signature(each.name, machine.name))
    if len(found) > SIGNATURES_MOST:
        raise Refusal("signatures-too-many", details={"file": machine.name, "most": str(SIGNATURES_MOST)})
    return tuple(map(_small, found))


def _is_signature(name: str, machine: str) -> bool:
    """Whether a file's name is a machine's with a word and `signature` behind it."""
    beginning, end = f"{machine}.", ".signature"
    return name.startswith(beginning) and name.endswith(end) and "." not in name[len(beginning) : -len(end)]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _small(file: Path) -> bytes:
    """So much of a file that a signature or signatories fit in and more is seen to be too large."""
    if not file.is_file():
        return b""
    with file.open("rb") as opened:
        return opened.read(SMALL_BYTES_MOST + 1)


class _Machine(msgspec.Struct):
    name: str
    version: int
    purpose: str
    notice: dict[str, str]


class _Written(msgspec.Struct):
    machine: _Machine


def _seen(file: Path, content: bytes) -> MachineFile | None:
    """What a file says that it is; None for what is no machine."""
    try:
        said = msgspec.json.decode(content, type=_Written).machine
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return MachineFile(
        name=said.name,
        version=said.version,
        purpose=said.purpose,
        notice=said.notice,
        file=file,
        fingerprint=_digest(content),
    )


MACHINES: Final = Kind(
    seen=_seen,
    others=frozenset({SIGNATORIES}),
    bytes_most=BYTES_MOST,
    called="machine",
    unknown="machine-unknown",
    unclear="machine-unclear",
)
