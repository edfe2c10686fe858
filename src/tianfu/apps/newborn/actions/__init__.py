"""What people do about newborn visits."""
