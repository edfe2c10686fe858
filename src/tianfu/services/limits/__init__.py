"""How much a caller may ask: buckets of tokens in PostgreSQL, leased by workers in small batches."""
