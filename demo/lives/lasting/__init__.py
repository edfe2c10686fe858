"""Lasting illness and old age."""
