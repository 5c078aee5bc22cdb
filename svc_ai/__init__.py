"""Assistants: users that a model answers for. It owns their cursors, and nothing of what is said."""
