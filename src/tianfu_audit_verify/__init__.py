"""Checks Tianfu's audit trail; written from docs/reference/audit-trail.md alone and shares no code with its writer."""
