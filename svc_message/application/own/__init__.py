"""What a user has of conversations alone, and what is left of a user who is gone."""
