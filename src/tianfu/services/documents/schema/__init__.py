"""The table of documents, as steps of the schema."""
