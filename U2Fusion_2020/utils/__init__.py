"""Pairs of every task, information, losses, training and fusing of U2Fusion."""
