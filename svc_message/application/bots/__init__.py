"""What bots are shown of groups."""
