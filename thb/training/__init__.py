"""Training a detector on the folds of a protocol."""
