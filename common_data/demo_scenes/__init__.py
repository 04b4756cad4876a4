"""Renderer of the demo pictures: one scene description, seen by several cameras."""
