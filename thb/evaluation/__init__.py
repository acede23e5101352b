"""Results on the benchmark, and their tables."""
