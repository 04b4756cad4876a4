"""How exactly `--register` undoes known warps of infrared images."""
