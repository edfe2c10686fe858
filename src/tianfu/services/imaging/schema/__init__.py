"""Steps of the schema of imaging."""
