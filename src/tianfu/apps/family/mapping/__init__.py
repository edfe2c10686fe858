"""Resources to values of the model, and back."""
