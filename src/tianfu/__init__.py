"""Tianfu (天府): a provincial digital-health platform on one life-long record."""
