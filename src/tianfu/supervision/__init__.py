"""One program that starts, watches, restarts and stops the others."""
