"""From birth to the last school examination."""
