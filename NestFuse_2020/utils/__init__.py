"""Data, losses, training and fusing of NestFuse."""
