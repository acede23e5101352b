"""Video files to scores, and scores to verdicts."""
