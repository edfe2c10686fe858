"""Newborn visiting: parents see and talk to their baby in intensive care, live, safely."""
