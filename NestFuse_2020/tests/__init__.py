"""Tests of NestFuse_2020: `python -m pytest` in the method's folder."""
