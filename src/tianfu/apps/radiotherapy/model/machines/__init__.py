"""What a treatment machine is to a plan: its beam, its collimators and what it can do."""
