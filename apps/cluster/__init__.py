"""Fuses many pairs on one machine or on a Ray cluster: `python apps/cluster/fuse.py`."""
