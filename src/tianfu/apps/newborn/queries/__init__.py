"""One file for each screen that only reads."""
