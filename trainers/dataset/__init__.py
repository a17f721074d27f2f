"""Rows to train on, made of recorded runs and of data files."""
