"""The rules of naming somebody; pure."""
