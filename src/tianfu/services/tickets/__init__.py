"""Tickets: who somebody is, for which purposes, and until when; until people can sign in."""
