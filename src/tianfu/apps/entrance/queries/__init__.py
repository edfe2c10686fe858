"""What the entrance reads."""
