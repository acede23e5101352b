"""Faces found, tracked and cropped."""
