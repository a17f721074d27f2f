"""Searching, ordering, choosing and path finding."""
