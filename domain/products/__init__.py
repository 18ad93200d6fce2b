"""Products, which can be ordered while they are in stock."""
