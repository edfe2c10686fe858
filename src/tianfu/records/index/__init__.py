"""What the store remembers beside a body so that it can be found: index values and where they lie."""
