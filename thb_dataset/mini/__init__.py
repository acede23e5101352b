"""The synthetic release."""
