"""Names, split lists, listing and audit of a release."""
