"""Screens that only read."""
