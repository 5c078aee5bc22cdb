"""What becomes of single posts, and how they are found."""
