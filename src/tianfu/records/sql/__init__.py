"""The statements of the record store, in named `.sql` files."""
