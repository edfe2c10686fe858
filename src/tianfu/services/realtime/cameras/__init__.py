"""Cameras of newborn wards: registered, pulled, and watched over."""
