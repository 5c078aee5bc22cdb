"""What the AI service does: follow the logs, answer, show, cancel."""
