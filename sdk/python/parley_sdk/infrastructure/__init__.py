"""What the client needs from outside: a file for its state, and gRPC."""
