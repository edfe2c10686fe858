"""The named statements of the authorisation server."""
