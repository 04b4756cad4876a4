"""Tests of fusing on a cluster."""
