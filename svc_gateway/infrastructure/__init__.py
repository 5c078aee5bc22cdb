"""One external system or neighbour a file."""
