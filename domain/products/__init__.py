"""Things that can be ordered while they are in stock."""
