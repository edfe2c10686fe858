"""What a plan is asked for and how it is found: objectives, fluence, segments that a machine can give."""
