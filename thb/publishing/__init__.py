"""Datasets, detectors and Spaces on the Hub."""
