"""What a live room is and how its packets are passed on; pure."""
