"""What is asked about a case, one file each; nothing is changed here."""
