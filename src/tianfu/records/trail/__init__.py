"""The chain over the trace: lanes, head files, epochs and signed roots (docs/reference/audit-trail.md)."""
