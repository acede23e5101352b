"""What the videos of the benchmark are, and how one becomes a clip."""
