"""Who may do what to which record and why: pure decisions."""
