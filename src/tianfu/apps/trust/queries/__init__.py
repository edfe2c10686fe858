"""One file per screen that only reads."""
