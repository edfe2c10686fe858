"""The stored form of a resource's text, and the way back without parsing.

Stored are the client's own characters (decimals keep their trailing zeros) without `resourceType`, `id`,
`meta.versionId` and `meta.lastUpdated`, which have columns: first the members of `meta`, a line feed, then
all others.  JSON text holds no raw line feed, so the first one divides.
"""

from __future__ import annotations

import msgspec

from tianfu.kernel.instants import to_fhir_instant

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_OWN_MEMBERS = ("resourceType", "id", "meta")
_OWN_META = ("versionId", "lastUpdated")


def stored_form(text: bytes) -> bytes:
    """Divide a resource's minified JSON text into what is stored."""
    members = _members(text)
    meta = _members(members["meta"]) if "meta" in members else {}
    return _joined(meta, _OWN_META) + b"\n" + _joined(members, _OWN_MEMBERS)


def _joined(members: dict[str, msgspec.Raw], left_out: tuple[str, ...]) -> bytes:
    return b",".join(b'"%s":%s' % (name.encode(), raw) for name, raw in members.items() if name not in left_out)


def resource_text(resource_type: str, logical_id: str, version: int, changed_at: int, stored: bytes) -> bytes:
    """The whole resource as JSON, with its id, version and time of change."""
    meta, _, rest = stored.partition(b"\n")
    return b'{"resourceType":"%s","id":"%s","meta":{"versionId":"%d","lastUpdated":"%s"%s%s}%s%s}' % (
        resource_type.encode(),
        logical_id.encode(),
        version,
        to_fhir_instant(changed_at).encode(),
        b"," if meta else b"",
        meta,
        b"," if rest else b"",
        rest,
    )
