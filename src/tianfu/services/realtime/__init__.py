"""Live rooms: who sees which camera, and for how long."""
