"""One external system or neighbour a file: the store, password hashing, the log, the gateways."""
