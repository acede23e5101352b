"""A release on the Hub: its index, its card, its listing and its errors."""
