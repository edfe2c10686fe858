"""The named statements of limits."""
