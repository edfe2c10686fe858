"""Chinese national standards as plain values."""
