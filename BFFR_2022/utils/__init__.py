"""Data, losses, the two stages, fusing, segmenting and the small things around them."""
