"""Interactions that change something."""
