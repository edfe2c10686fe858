"""The rules of administration; pure: no store, no web, no clock."""
