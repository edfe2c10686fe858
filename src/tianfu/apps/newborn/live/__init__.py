"""Visits at the bed while they last: who keeps them, what is true of them, what is written of them."""
