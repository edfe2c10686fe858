"""Everything between a browser and an app: who asks, in which language, how it looks, and what an error says."""
