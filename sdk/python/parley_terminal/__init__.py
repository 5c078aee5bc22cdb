"""A messenger in the terminal, and a story that plays itself. Both use nothing but the SDK."""
