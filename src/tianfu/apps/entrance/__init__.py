"""The entrance: where people sign in, see their sessions, and keep what proves who they are."""
