"""Pregnancy and birth in the records of the mother."""
