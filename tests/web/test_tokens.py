"""The design tokens keep their contrast in every scheme (WCAG 2.2: 4.5 for text, 3 for lines and large signs)."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

TOKENS = Path(__file__).resolve().parents[2] / "frontend" / "styles" / "tokens.css"

SCHEMES = ("light", "dark", "night")
TEXT, LINE = 4.5, 3.0

PAIRS = [
    ("text", "surface", TEXT),
    ("text", "page", TEXT),
    ("text-2", "surface", TEXT),
    ("text-2", "page", TEXT),
    ("text-3", "surface", TEXT),
    ("text-3", "page", TEXT),
    ("brand", "surface", TEXT),
    ("on-brand", "brand", TEXT),
    ("on-brand-soft", "brand-soft", TEXT),
    ("accent", "surface", TEXT),
    ("on-accent-soft", "accent-soft", TEXT),
    ("link", "surface", TEXT),
    ("link", "page", TEXT),
    ("on-critical", "critical", TEXT),
    ("on-critical-soft", "critical-soft", TEXT),
    ("warning", "surface", TEXT),
    ("on-warning-soft", "warning-soft", TEXT),
    ("on-warning-soft", "surface", TEXT),
    ("on-good-soft", "good-soft", TEXT),
    ("on-info-soft", "info-soft", TEXT),
    ("on-quiet-soft", "quiet-soft", TEXT),
    ("on-live", "live", TEXT),
    ("on-shield", "shield", TEXT),
    ("on-life", "life-0", TEXT),
    ("on-life", "life-1", TEXT),
    ("on-life", "life-2", TEXT),
    ("on-life", "life-3", TEXT),
    ("on-life", "life-4", TEXT),
    ("line-strong", "surface", LINE),
    ("life-bar", "life-4", LINE),
    *((f"data-{number}", "surface", LINE) for number in range(1, 7)),
]

LIGHT_TEXT_ONLY_IN_DARK = {("on-warning-soft", "surface")}
"""Abnormal numbers use `on-warning-soft` in light and `warning` in the dark schemes."""


@cache
def scheme(name: str) -> dict[str, str]:
    """The tokens that hold in a scheme, the later ones over the earlier."""
    text = re.sub(r"/\*.*?\*/", "", TOKENS.read_text("utf-8"), flags=re.DOTALL)
    blocks = re.findall(r'(:root|\[data-scheme="(\w+)"\])\s*\{(.*?)\n\}', text, flags=re.DOTALL)
    tokens: dict[str, str] = {}
    for selector, wanted, body in blocks:
        if selector == ":root" or wanted == name:
            tokens.update(re.findall(r"--([\w-]+):\s*([^;]+);", body))
    return tokens


def colour(name: str, tokens: dict[str, str]) -> tuple[float, float, float]:
    value = tokens[name].strip()
    if reference := re.fullmatch(r"var\(--([\w-]+)\)", value):
        return colour(reference[1], tokens)
    digits = value.removeprefix("#")
    digits = digits if len(digits) == 6 else "".join(digit * 2 for digit in digits)
    red, green, blue = (int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4))
    return red, green, blue


def luminance(rgb: tuple[float, float, float]) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str, tokens: dict[str, str]) -> float:
    light, dark = sorted((luminance(colour(one, tokens)), luminance(colour(other, tokens))), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", SCHEMES)
def test_every_pair_of_tokens_keeps_its_contrast(name: str) -> None:
    tokens = scheme(name)
    low = [
        f"{front} on {back}: {contrast(front, back, tokens):.2f} < {least}"
        for front, back, least in PAIRS
        if contrast(front, back, tokens) < least and not (name != "light" and (front, back) in LIGHT_TEXT_ONLY_IN_DARK)
    ]
    assert low == []


def test_schemes_differ() -> None:
    assert len({scheme(name)["page"] for name in SCHEMES}) == 3
