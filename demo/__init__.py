"""A synthetic province told as short scripts: made-up people of Sichuan and the records of their lives."""
