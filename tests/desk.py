"""Somebody who sees everything, as only development knows him."""

from __future__ import annotations

from tianfu.access.caller import Caller

DESK = Caller(id="desk", role="desk")
