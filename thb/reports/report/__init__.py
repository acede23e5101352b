"""The report: one HTML file with everything that predictions have to say."""
