"""The outside world's data as plain values; no input or output."""
