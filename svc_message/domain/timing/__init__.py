"""What happens at its time."""
