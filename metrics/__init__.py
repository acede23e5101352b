"""Metrics of the benchmark; a sub-folder is one Hub Space that `evaluate.load` can read."""
