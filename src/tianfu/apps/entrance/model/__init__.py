"""What is decided at the entrance, without input or output."""
