"""That an address is one camera's among those in use: two cameras at one address would show one baby at two beds.

Addresses lie sealed; beside each stands a keyed digest of where it leads, which compares and tells nothing.
"""

from __future__ import annotations

from collections import Counter

from tianfu.db import Transaction, UniqueViolation, queries
from tianfu.kernel.refusal import Refusal
from tianfu.records.seals import Place, Sealed, Seals
from tianfu.services.realtime.cameras.source import Source
from tianfu.vault.blind import blind

DIGEST_BYTES = 32
UNIQUE = "camera_place"
"""The index that is the second wall: records/schema/0034_camera_places.pre.sql"""

_SQL = queries("tianfu.services.realtime.cameras.sql", "addresses.sql")


class CameraAddresses:
    """Which addresses cameras in use have, by digest; sealed for their cameras."""

    def __init__(self, seals: Seals) -> None:
        self._seals = seals

    async def seal(self, transaction: Transaction, camera: str, revision: int, source: Source) -> Sealed:
        """An address sealed for a camera and its revision, by a key that is kept until the transaction ends."""
        sealed = self._seals.seal(_row(camera, revision), source.sealable())
        await self._seals.hold(transaction, sealed)
        return sealed

    def open(self, camera: str, revision: int, sealed: Sealed) -> Source:
        """Where a camera is; raises Refusal `field-not-authentic` or `key-unknown`."""
        return Source.of(self._seals.open(_row(camera, revision), sealed))

    async def lock(self, transaction: Transaction) -> None:
        """Until the transaction ends nobody else gives an address; taken before any camera's own lock."""
        await transaction.run(_SQL.lock_places)

    async def own(self, transaction: Transaction, camera: str, source: Source) -> bytes:
        """The digest of an address that is this camera's alone; raises Refusal `camera-address-known`.

        Whoever asks holds the lock.
        """
        digest = self._digest(source)
        if digest in await self._settle(transaction, besides=camera):
            raise shared()
        return digest

    async def put(self, transaction: Transaction, camera: str, revision: int, place: bytes) -> None:
        """Keep the digest of a camera's address; raises Refusal `camera-address-known`."""
        try:
            await transaction.run(_SQL.put_place, camera=camera, revision=revision, place=place)
        except UniqueViolation:
            raise shared() from None

    async def is_settled(self, transaction: Transaction, camera: str, revision: int) -> bool:
        """Whether a camera has its address for itself, once every digest that could be written is."""
        if await transaction.one(_SQL.has_place, camera=camera, revision=revision) is not None:
            return True
        await self.lock(transaction)
        await self._settle(transaction, besides="")
        return await transaction.one(_SQL.has_place, camera=camera, revision=revision) is not None

    async def _settle(self, transaction: Transaction, *, besides: str) -> frozenset[bytes]:
        """The digests of all other cameras in use; those that are not written yet are, unless two have the same."""
        await transaction.run(_SQL.clear_old_places)
        written, missing = Counter[bytes](), dict[tuple[str, int], bytes]()
        for camera, revision, sealed, sealed_with, place in await transaction.all(_SQL.places, besides=besides):
            if place is not None:
                written[bytes(place)] += 1
                continue
            try:
                source = self.open(camera, revision, Sealed(bytes(sealed), sealed_with))
            except Refusal:
                continue  # what cannot be opened cannot be pulled either, and says so when it is
            missing[camera, revision] = self._digest(source)
        counted = written + Counter(missing.values())
        for (camera, revision), digest in missing.items():
            if counted[digest] == 1:
                await self.put(transaction, camera, revision, digest)
        return frozenset(counted)

    def _digest(self, source: Source) -> bytes:
        return blind(self._seals.keyring.index_secret, "camera place", source.place(), size_bytes=DIGEST_BYTES)


def _row(camera: str, revision: int) -> Place:
    return Place("camera", camera, "sealed", revision)


def shared() -> Refusal:
    """Another camera in use has this address."""
    return Refusal("camera-address-known", next_step="change-the-camera")
