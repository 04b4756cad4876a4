"""A web page that fuses images with every method: `python -m apps.web`."""
