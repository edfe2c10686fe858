"""Geometry and numbers of radiotherapy; pure."""
