"""Recipes: files by name, how their layers settle into one, and what training by one takes."""
