"""Trust: who looked, what was consented to, emergency access and its review."""
