"""What an assistant answers and how an answer ends, and the ports that it needs. Pure Python."""
