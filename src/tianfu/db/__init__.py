"""PostgreSQL: embedded server, pools, transactions, named queries, migrations."""
