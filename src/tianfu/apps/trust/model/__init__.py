"""The rules of trust: pure, no store, no web, no clock."""
