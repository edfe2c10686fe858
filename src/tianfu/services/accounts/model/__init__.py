"""The rules of accounts; pure: no store, no web, no clock."""
