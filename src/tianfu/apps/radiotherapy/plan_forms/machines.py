"""A machine as the form sends it: name and version in one word."""

from __future__ import annotations


def machine_key(name: str, version: int) -> str:
    """Unlike that of every other version."""
    return f"{name}@{version}"
