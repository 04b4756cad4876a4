"""U2Fusion's network."""
