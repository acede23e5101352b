"""The paper's tables: one neutral value, and a small writer for each format."""
