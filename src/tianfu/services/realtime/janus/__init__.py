"""Janus as a media server: a program beside us that forwards, told by us what may pass."""
