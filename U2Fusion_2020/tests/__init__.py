"""Tests of U2Fusion_2020: `python -m pytest` in the method's folder."""
