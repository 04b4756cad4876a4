"""Data, losses, training, fusing and the small things around them."""
