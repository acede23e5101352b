"""The baseline: a small detector that trains on a CPU in seconds."""
