"""The named statements of live rooms."""
