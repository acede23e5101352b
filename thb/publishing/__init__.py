"""Datasets, detectors, the metric and Spaces on the Hub."""
