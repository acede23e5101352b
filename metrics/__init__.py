"""The metrics of the benchmark; each sub-folder is a Hub Space that `evaluate.load` can read."""
