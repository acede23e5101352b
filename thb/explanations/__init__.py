"""Where a detector looks, and whether the heat map can be trusted."""
