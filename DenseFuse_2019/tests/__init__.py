"""Tests of DenseFuse_2019: `python -m pytest` in the method's folder."""
