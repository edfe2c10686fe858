"""The protocols that come with the program, from `data/protocols`; a department's own are read the same way."""

from __future__ import annotations

from importlib.resources import files

from tianfu.apps.radiotherapy.model.protocols import Protocol, protocol_from


def shipped_protocols() -> dict[str, Protocol]:
    """All protocols by name, in the order of their names."""
    folder = files(__package__).joinpath("data", "protocols")
    read = [protocol_from(file.read_bytes()) for file in folder.iterdir() if file.name.endswith(".json")]
    return {protocol.name: protocol for protocol in sorted(read, key=lambda each: each.name)}
