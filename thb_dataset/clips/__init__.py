"""Clips as a detector takes them, and their store on disk."""
