"""Results on the benchmark and the tables made of them."""
