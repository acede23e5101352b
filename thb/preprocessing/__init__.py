"""Videos turned into clips and identities, on many cores."""
