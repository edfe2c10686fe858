"""What brings people to a doctor now and then."""
