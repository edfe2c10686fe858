"""Organization records to values and back."""
