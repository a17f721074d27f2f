"""Who plays the customer: each kind of user in a file of its own, and the specs that name them."""
