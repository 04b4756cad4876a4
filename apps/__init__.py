"""Programs that work with all methods."""
