"""What screens read."""
