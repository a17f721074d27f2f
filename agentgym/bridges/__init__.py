"""Bridges to other libraries, one file each; a bridge is imported only by who crosses it."""
