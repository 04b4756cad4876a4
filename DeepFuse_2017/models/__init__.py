"""DeepFuse's network."""
