"""Tests of BFFR_2022: `python -m pytest` in the method's folder."""
