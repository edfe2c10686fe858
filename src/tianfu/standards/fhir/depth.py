"""How deep JSON may nest, so that nothing that follows a resource down can run out of stack."""

from __future__ import annotations

from typing import Any

JSON_DEPTH_MAX = 128
"""Nested JSON arrays and objects in one resource: 64 levels of FHIR elements, each an array and an object."""


def is_too_deep(value: object) -> bool:
    """Whether a JSON value nests deeper than JSON_DEPTH_MAX."""
    level = [value] if type(value) in (dict, list) else []
    for _ in range(JSON_DEPTH_MAX):
        if not level:
            return False
        level = [child for node in level for child in _children(node) if type(child) in (dict, list)]
    return bool(level)


def _children(node: Any) -> Any:
    return node.values() if type(node) is dict else node
