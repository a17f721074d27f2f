"""The rules of `check_env`, a file each, and what they share."""
