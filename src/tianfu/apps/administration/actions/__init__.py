"""What an administrator does, one file each."""
