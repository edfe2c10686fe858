"""FHIR's prefixes as SQL over a stored range of instants or a stored number.

Rules: https://hl7.org/fhir/R4/search.html#prefix .  Bounds that follow from a rule are added where they let an
index range be short.
"""

from __future__ import annotations

from tianfu.records.search.operands import DateOperand, NumberOperand
from tianfu.records.search.values import StatementValues


def date_condition(values: StatementValues, operand: DateOperand, *, low: str, high: str) -> str:
    """Whether the stored range `low` to `high` stands to the operand as its prefix says."""
    first, last = values.bigint(operand.low), values.bigint(operand.high)
    match operand.prefix:
        case "eq":
            return f"({low} between {first} and {last} and {high} <= {last})"
        case "ne":
            return f"({low} < {first} or {high} > {last})"
        case "gt":
            return f"{high} > {last}"
        case "lt":
            return f"{low} < {first}"
        case "ge":
            return f"({high} >= {first} and ({high} > {last} or {low} >= {first}))"
        case "le":
            return f"({low} <= {last} and ({low} < {first} or {high} <= {last}))"
        case "sa":
            return f"{low} > {last}"
        case "eb":
            return f"{high} < {first}"
        case "ap":
            return f"({low} <= {last} and {high} >= {first})"


def number_condition(values: StatementValues, operand: NumberOperand, *, column: str) -> str:
    """Whether a stored number stands to the operand as its prefix says; `eq` allows for the digits not given."""
    match operand.prefix:
        case "eq":
            return f"({column} >= {values.double(operand.low)} and {column} < {values.double(operand.high)})"
        case "ap":
            return f"({column} >= {values.double(operand.low)} and {column} <= {values.double(operand.high)})"
        case "ne":
            return f"({column} < {values.double(operand.low)} or {column} >= {values.double(operand.high)})"
        case "gt" | "sa":
            return f"{column} > {values.double(operand.value)}"
        case "lt" | "eb":
            return f"{column} < {values.double(operand.value)}"
        case "ge":
            return f"{column} >= {values.double(operand.value)}"
        case "le":
            return f"{column} <= {values.double(operand.value)}"
