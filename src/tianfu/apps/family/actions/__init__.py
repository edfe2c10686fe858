"""What somebody does about who looks for whom."""
