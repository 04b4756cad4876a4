"""How fast each method trains and fuses, beside the same network run plainly."""
