"""The rules of a visit; pure."""
