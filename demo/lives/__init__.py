"""The scripts: one file for each stretch of a life."""
