"""Geometry of the pictures that the server draws; the templates in `components` write it down as SVG."""
