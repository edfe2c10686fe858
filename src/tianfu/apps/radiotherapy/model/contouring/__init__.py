"""Contours that a program draws: rules, atlases and models, each a proposal that nobody has reviewed yet."""
