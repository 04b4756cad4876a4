"""NestFuse's network and fusion strategies."""
