"""The bounds within which an expression from anywhere is read and run."""

from __future__ import annotations

TEXT_CHARACTERS_MAX = 20_000
"""Longest expression that is read."""

NESTING_MAX = 60
"""Deepest nesting of parentheses, arguments and signs while reading; each level costs several frames of the stack."""

TREE_DEPTH_MAX = 200
"""Deepest syntax tree; a chain `a.b.c` is as deep as it is long."""

STEPS_MAX = 1_000_000
"""Items that one evaluation may look at or make."""

STRING_CHARACTERS_MAX = 1_000_000
"""Longest string that an evaluation may make."""

PATTERN_CHARACTERS_MAX = 1_000
"""Longest regular expression."""

BACKTRACKING_MAX = 50_000_000
"""Most ways in which a backtracking matcher may have to try; fractions of a second."""

MACHINE_WORK_MAX = 10_000_000
"""Most states times characters for the matcher that does not backtrack; a few seconds."""

COMPILED_MAX = 4_096
"""Compiled expressions kept."""
