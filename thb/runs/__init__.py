"""Folders of trained detectors: their records and the folds they belong to."""
