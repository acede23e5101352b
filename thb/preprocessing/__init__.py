"""Videos to clips and identities, on many cores."""
