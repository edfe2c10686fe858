"""The named statements of accounts."""
