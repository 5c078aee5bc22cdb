"""What moderators and administrators work with."""
