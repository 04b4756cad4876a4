"""Public image sets: what they hold, and how they are downloaded, laid out and checked."""
