"""Who is notified, how, and by whom."""
