"""Public image sets: what they are, how they arrive, how they are laid out and checked."""
