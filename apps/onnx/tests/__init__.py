"""Tests of fusing without PyTorch."""
