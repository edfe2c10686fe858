"""Work for later, on PostgreSQL: asked in a transaction, done by workers, followed and ended by whoever asked."""
