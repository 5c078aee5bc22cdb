"""What a device missed, and where everybody stands."""
