"""Screens of administrators that only read."""
