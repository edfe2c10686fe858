"""A made-up neonatal ward: who lies where, and cameras that show a test picture of each bed."""
