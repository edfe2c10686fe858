"""Resources to model values and back."""
