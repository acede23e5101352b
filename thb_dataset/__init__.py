"""The videos of the benchmark, and the way from a video to the clips of a detector."""
