"""Family: who may look for me, and for whom I look."""
