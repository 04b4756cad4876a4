"""DenseFuse's network and fusion strategies."""
