"""What a caller may see and do.

Until people can sign in, whoever reaches this machine's loopback address may see everything; the store
already asks for a `Grant` before every statement, so that the rules replace this stand-in and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What was decided, and by which rule; equal grants see equal rows, so reads under one may share a statement."""

    caller: Caller
    purpose: Purpose
    rule: str
    sees_everything: bool


def decide(caller: Caller, purpose: Purpose) -> Grant:
    """Grant everything to everybody: safe only because the server listens on loopback alone."""
    return Grant(caller=caller, purpose=purpose, rule="loopback-sees-everything", sees_everything=True)
