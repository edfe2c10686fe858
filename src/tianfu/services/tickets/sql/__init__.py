"""The named statements of tickets."""
