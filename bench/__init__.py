"""Measures the speeds we promise; `python -m bench` says how."""
