"""Texts read, searched and laid out."""
