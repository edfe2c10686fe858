"""Interactions that only read."""
