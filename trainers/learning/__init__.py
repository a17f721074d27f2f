"""What all stages of training share: batches of rows, log-probabilities of their tokens, and updates of the weights."""
