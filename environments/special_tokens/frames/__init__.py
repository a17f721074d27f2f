"""Ways to put a request, by language and mode; a model that only knows the phrases of one split fails on the others."""
