"""Bring records of other systems in: many at a time, resumable, and the same result however often it is run."""
