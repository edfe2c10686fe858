"""The tables of work for later, as steps of the schema; they follow those of the queue itself."""
