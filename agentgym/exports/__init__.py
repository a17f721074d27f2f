"""Rows to train on, made of recorded runs and of data files: alpaca, sharegpt, openai, trl-prompt; a file for each."""
