"""Places of visits, who waits for one, and who asks to be let in to them; what the store of records does not hold."""
