"""From what is wished to a plan that a machine can give, and its dose.  For demonstrations; cleared for nothing."""
