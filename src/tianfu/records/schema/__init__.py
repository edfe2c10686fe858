"""The steps that make the record store's tables."""
