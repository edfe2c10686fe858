"""What lies outside the database: head files, roots and public keys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import obstore
from obstore.store import ObjectStore, S3Store

from tianfu_audit_verify.findings import Finding, Report
from tianfu_audit_verify.sm2 import PublicKey, sm3

Lane = tuple[bytes, int]
"""A writer and one of its lanes."""

NOTHING = "0" * 64

_HEADS = re.compile(r"([0-9a-f]{32})-([0-9]{6})\.heads\Z")
_ROOT = re.compile(r"root-([0-9a-f]{32})-([0-9]{10})\.txt\Z")


@dataclass(frozen=True, slots=True)
class Signed:
    """A text, the name of its key, and its signature."""

    record: str
    key: str
    signature: bytes

    @property
    def digest(self) -> str:
        return sm3(self.record.encode()).hex()


@dataclass(slots=True)
class Evidence:
    """What the outside says: hashes of events by lane and number, ends of lanes, epoch records, roots.

    `intents` are the heads that may have come true or not: nothing was said of them later.
    """

    hashes: dict[Lane, dict[int, bytes]] = field(default_factory=dict)
    intents: dict[Lane, tuple[int, bytes]] = field(default_factory=dict)
    ends: dict[Lane, int] = field(default_factory=dict)
    ended: set[bytes] = field(default_factory=set)
    writers: set[bytes] = field(default_factory=set)
    epochs: dict[int, Signed] = field(default_factory=dict)
    epoch_hashes: dict[int, str] = field(default_factory=dict)
    roots: dict[tuple[str, int], Signed] = field(default_factory=dict)

    def head(self, lane: Lane, number: int, digest: bytes, source: str, report: Report) -> None:
        """Remember that a lane's event of this number had this hash."""
        self.writers.add(lane[0])
        known = self.hashes.setdefault(lane, {})
        if known.setdefault(number, digest) != digest:
            report.tampered.append(
                Finding(kind="evidence-changed", writer=lane[0].hex(), lane=lane[1], number=number, detail=source)
            )

    def end(self, lane: Lane, number: int) -> None:
        """Remember that nothing comes behind this event of the lane."""
        self.ends[lane] = max(number, self.ends.get(lane, 0))


def read_keys(folder: Path | None, report: Report) -> dict[str, PublicKey]:
    """The public keys of a folder, by name; what is no key is told."""
    keys: dict[str, PublicKey] = {}
    for path in sorted(folder.glob("*.pem")) if folder is not None else ():
        try:
            key = PublicKey.of_pem(path.read_bytes())
        except ValueError:
            report.unchecked.append(Finding(kind="no-keys", detail=f"{path.name} is not a public key"))
        else:
            keys[key.name] = key
    if not keys:
        report.unchecked.append(Finding(kind="no-keys"))
    return keys


def is_signed(signed: Signed, keys: Mapping[str, PublicKey]) -> bool | None:
    """Whether the signature is good; None if its key is not known."""
    key = keys.get(signed.key)
    return None if key is None else key.has_signed(signed.record.encode(), signed.signature)


def read_heads(folder: Path | None, evidence: Evidence, report: Report) -> None:
    """All head files of a folder; those that vanish meanwhile are covered by a root that is read later."""
    if folder is None or not folder.is_dir():
        report.unchecked.append(Finding(kind="no-heads"))
        return
    for path in sorted(folder.iterdir()):
        if match := _HEADS.match(path.name):
            with suppress(FileNotFoundError):
                _read_head_file(path, bytes.fromhex(match[1]), evidence, report)


def _read_head_file(path: Path, writer: bytes, evidence: Evidence, report: Report) -> None:
    evidence.writers.add(writer)
    for older in [each for each in evidence.intents if each[0] == writer]:
        del evidence.intents[older]  # a new file begins with those that are open
    text = path.read_bytes().partition(b"\0")[0]  # behind it is room for more
    for line in text[: text.rfind(b"\n") + 1].decode("utf-8", "replace").splitlines():
        match line.split(" ", 5):
            case ["h" | "f" as kind, lane, number, digest, _] if _is_head(lane, number, digest):
                place = writer, int(lane)
                evidence.head(place, int(number), bytes.fromhex(digest), path.name, report)
                if int(number) >= evidence.intents.get(place, (0, b""))[0]:
                    evidence.intents.pop(place, None)
                if kind == "f":
                    evidence.end(place, int(number))
            case ["i", lane, number, digest, _] if _is_head(lane, number, digest):
                evidence.intents[writer, int(lane)] = int(number), bytes.fromhex(digest)
            case ["w", lane, number, digest, _] if _is_head(lane, number, digest):
                evidence.intents.pop((writer, int(lane)), None)
            case ["e", number, digest, key, signature, record] if number.isdecimal():
                signed = Signed(record, key, _hex(signature))
                _note_epoch(int(number), digest, path.name, evidence, report)
                evidence.epochs.setdefault(int(number), signed)
                if signed.digest != digest or _field(record, "writer") != writer.hex():
                    report.tampered.append(Finding(kind="evidence-changed", writer=writer.hex(), detail=path.name))
            case _:
                pass


def _is_head(lane: str, number: str, digest: str) -> bool:
    return lane.isdecimal() and number.isdecimal() and re.fullmatch(r"[0-9a-f]{64}", digest) is not None


def _note_epoch(number: int, digest: str, source: str, evidence: Evidence, report: Report) -> None:
    if evidence.epoch_hashes.setdefault(number, digest) != digest:
        report.tampered.append(Finding(kind="evidence-changed", detail=f"{source}: epoch {number}"))


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _field(record: str, name: str) -> Any:
    try:
        value = json.loads(record)
    except ValueError:
        return None
    return value.get(name) if isinstance(value, dict) else None


def read_roots(address: str | None, evidence: Evidence, keys: Mapping[str, PublicKey], report: Report) -> None:
    """All roots of a folder or bucket: each signature, each link to the one before, each tree."""
    found = dict(_root_files(address)) if address is not None else {}
    if not found:
        report.unchecked.append(Finding(kind="no-roots"))
    last: dict[str, tuple[int, str]] = {}
    for (series, number), text in sorted(found.items()):
        lines = text.decode("utf-8", "replace").split("\n")
        detail = f"root {number} of series {series}"
        if len(lines) != 4 or lines[3]:
            report.tampered.append(Finding(kind="root-changed", detail=detail))
            continue
        root = Signed(lines[0], lines[1], _hex(lines[2]))
        evidence.roots[series, number] = root
        before = last.get(series)
        last[series] = number, root.digest
        if before is None and number != 1:
            report.unchecked.append(Finding(kind="roots-pruned", detail=detail))
        elif before is not None and number != before[0] + 1:
            report.tampered.append(Finding(kind="root-missing", detail=f"before {detail}"))
            before = None
        previous = NOTHING if number == 1 else before[1] if before else None
        check_root(series, number, root, previous, evidence, keys, report)


def check_root(
    series: str,
    number: int,
    root: Signed,
    previous: str | None,
    evidence: Evidence,
    keys: Mapping[str, PublicKey],
    report: Report,
) -> None:
    """One root; what it tells counts as evidence only if it is signed by a known key."""
    report.roots += 1
    detail = f"root {number} of series {series}"
    signed = is_signed(root, keys)
    if signed is None:
        if keys:
            report.unchecked.append(Finding(kind="unknown-key", detail=f"{detail}, key {root.key}"))
        return
    record = _root(root.record, series, number, previous) if signed else None
    if record is None:
        report.tampered.append(Finding(kind="root-changed", detail=detail))
        return
    epoch, digest = record["epoch"]
    if epoch:
        _note_epoch(epoch, digest, detail, evidence, report)
    for leaf in record["leaves"]:
        writer, lane, event, hashed, state = leaf.split(" ")
        place = bytes.fromhex(writer), int(lane)
        evidence.head(place, int(event), bytes.fromhex(hashed), detail, report)
        if state == "final":
            evidence.ended.add(place[0])
            evidence.end(place, int(event))


def _root(text: str, series: str, number: int, previous: str | None) -> dict[str, Any] | None:
    """The record of a root, or None if it is not what it claims to be."""
    try:
        record: dict[str, Any] = json.loads(text)
        named = record["kind"], record["series"], record["number"]
        fits = (
            named == ("tianfu-audit-root", series, number)
            and previous in (None, record["previous"])
            and merkle(record["leaves"]).hex() == record["merkle"]
        )
    except (ValueError, TypeError, KeyError):
        return None
    return record if fits else None


def merkle(leaves: list[str]) -> bytes:
    """The tree of RFC 9162 section 2.1, split at the largest power of two below the count."""
    if not leaves:
        return sm3(b"")
    if len(leaves) == 1:
        return sm3(b"\x00" + leaves[0].encode())
    left = 1 << (len(leaves) - 1).bit_length() - 1
    return sm3(b"\x01" + merkle(leaves[:left]) + merkle(leaves[left:]))


def _root_files(address: str) -> Iterator[tuple[tuple[str, int], bytes]]:
    if not address.startswith("s3://"):
        folder = Path(address)
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if match := _ROOT.match(path.name):
                yield (match[1], int(match[2])), path.read_bytes()
        return
    yield from objects(S3Store.from_url(address))


def objects(store: ObjectStore) -> Iterator[tuple[tuple[str, int], bytes]]:
    """The roots of a bucket."""
    for chunk in obstore.list(store):
        for each in chunk:
            if match := _ROOT.match(each["path"].rpartition("/")[2]):
                yield (match[1], int(match[2])), bytes(obstore.get(store, each["path"]).bytes())
