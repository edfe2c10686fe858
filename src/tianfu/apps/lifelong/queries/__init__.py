"""What each screen reads, one file per screen."""
