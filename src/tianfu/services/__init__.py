"""Abilities that several doors need; each may hold database connections."""
