"""The baseline detector: small, and trained on a CPU in seconds."""
