"""Telling those who are away."""
