"""A release on the Hub: index, card, listing, errors."""
