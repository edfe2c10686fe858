"""Accounts: who signs in, by what proof, from where they work; their sessions, and the programs that act for them."""
