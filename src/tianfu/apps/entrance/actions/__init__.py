"""What somebody does about his own account that needs more than the accounts."""
