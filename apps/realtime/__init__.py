"""Small networks that give the methods' images at video rate on a processor."""
